"""report.html in a real browser: no script error, no request, hostile captions inert, both colour schemes."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from eval.failures.causes import Cause
from eval.failures.misses import Exhibit, Failures
from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.system_result import measure_system
from eval.report.findings import IndexDescription, Report
from eval.report.page.page import render_page
from eval.report.run_info import RunInfo
from eval.searching.placements import place_relevant
from tests.e2e.watched_page import Watched, fits_its_window
from tests.people import PEOPLE

HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "\"'><svg onload=document.title='owned'>",
    "<img src=http://192.0.2.1/pixel.png>",
    "</style><style>body{display:none}</style>",
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which everything that comes from a dataset is hostile."""
    folder = tmp_path_factory.mktemp("report")
    Image.new("RGB", (300, 200), "teal").save(folder / "0.jpg")
    right = np.array([0, 0, 1, 1])
    placements = place_relevant(
        np.random.default_rng(0).random((4, 3), dtype=np.float32), right[:, None].tolist()
    )
    exhibits = tuple(
        Exhibit(f"{text}#0", text, text, text, Cause.VECTORS, 1.0, {text: 9.0}, "0.jpg", text)
        for text in HOSTILE
    )
    counts = {"caption": 1, "vectors": 1, "fusion": 0, "approximate_index": 0}
    report = Report(
        dataset=HOSTILE[1],
        split=HOSTILE[0],
        photos=3,
        queries=4,
        systems={HOSTILE[0]: measure_system(placements, PhotoBootstrap(right, 100, 0))},
        captions={"BLEU-1": 50.0},
        index=IndexDescription(3, 1, asdict(PEOPLE), {"name": HOSTILE[4], "sha256": "ab" * 32}),
        annotations={"name": HOSTILE[2], "sha256": "cd" * 32},
        failures=Failures(HOSTILE[0], 10, 2, counts, None, exhibits),
        placements={HOSTILE[0]: placements},
        notices=HOSTILE,
    )
    photos = {text: folder / "0.jpg" for text in (*HOSTILE, "0.jpg")}
    path = folder / "report.html"
    path.write_text(render_page(report, RunInfo(command=HOSTILE[1]), photos, right), encoding="utf-8")
    return path


@pytest.fixture
def visit(browser: Browser, page: Path) -> Iterator[Callable[..., Watched]]:
    """Opens the page; afterwards it may have asked for nothing else, and nothing may be wrong in it."""
    opened: list[Watched] = []

    def open_page(**settings: str) -> Watched:
        opened.append(Watched(browser.new_page(viewport={"width": 1100, "height": 1400}, **settings)))
        opened[-1].page.goto(page.as_uri())
        return opened[-1]

    yield open_page
    for each in opened:
        each.page.close()
        assert (each.asked, each.complaints) == ([page.as_uri()], [])


def test_hostile_captions_are_shown_as_they_are(visit: Callable[[], Watched]) -> None:
    page = visit().page
    assert page.title() == f"{HOSTILE[1]}, {HOSTILE[0]}: recall@k report"
    assert page.locator("article .query").all_inner_texts() == list(HOSTILE)
    assert page.locator("script").count() == 0
    widths = page.locator("img").evaluate_all("pictures => pictures.map(each => each.naturalWidth)")
    assert widths == [240] * 2 * len(HOSTILE)


def test_it_is_styled_and_fits_the_window(visit: Callable[[], Watched]) -> None:
    page = visit().page
    assert page.evaluate("() => document.styleSheets.length") == 1
    for width in (1100, 420):
        page.set_viewport_size({"width": width, "height": 1000})
        assert fits_its_window(page)


def test_it_follows_the_readers_colour_scheme(visit: Callable[..., Watched]) -> None:
    shades = [
        visit(color_scheme=scheme)
        .page.locator("body")
        .evaluate("body => getComputedStyle(body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert shades == ["rgb(251, 250, 247)", "rgb(22, 23, 26)"]


def test_the_browser_would_have_told(browser: Browser, tmp_path: Path) -> None:
    """The checks above can fail: a page that runs a script, fetches a picture and is too wide is seen."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<img src='http://192.0.2.1/pixel.png'><p style='width: 3000px'>Wide</p>"
        "<script>document.title='owned'; nothing()</script>"
    )
    watched = Watched(browser.new_page())
    watched.page.route("http://**", lambda route: route.abort())
    watched.page.goto(bad.as_uri())
    assert watched.asked == [bad.as_uri(), "http://192.0.2.1/pixel.png"]
    assert watched.page.title() == "owned"
    assert any("nothing is not defined" in complaint for complaint in watched.complaints)
    assert not fits_its_window(watched.page)
    watched.page.close()
