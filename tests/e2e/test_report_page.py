"""report.html in a real browser: no script error, no request, hostile captions inert, both colour schemes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By

from eval.bootstrap import PhotoBootstrap
from eval.failures.causes import Cause
from eval.failures.misses import Exhibit, Failures
from eval.page.page import render_page
from eval.placements import place_relevant
from eval.report import IndexDescription, Report
from eval.run_info import RunInfo
from eval.system_result import measure_system

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
        index=IndexDescription(3, 1, None, {"name": HOSTILE[4], "sha256": "ab" * 32}),
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
def visit(browser: webdriver.Chrome, page: Path) -> Callable[[], list[dict[str, Any]]]:
    """Opens the page; gives what the browser did for it."""

    def open_page() -> list[dict[str, Any]]:
        browser.get("about:blank")
        browser.get_log("performance")
        browser.get_log("browser")
        browser.get(page.as_uri())
        return [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]

    return open_page


def test_no_request_leaves_the_page_and_nothing_is_wrong_in_it(
    browser: webdriver.Chrome, page: Path, visit: Callable[[], list[dict[str, Any]]]
) -> None:
    events = visit()
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert page.as_uri() in asked
    assert [url for url in asked if url != page.as_uri() and not url.startswith("data:")] == []
    assert browser.get_log("browser") == []


def test_hostile_captions_are_shown_as_they_are(
    browser: webdriver.Chrome, visit: Callable[[], list[dict[str, Any]]]
) -> None:
    visit()
    assert browser.title == f"{HOSTILE[1]}, {HOSTILE[0]}: recall@k report"
    queries = [element.text for element in browser.find_elements(By.CSS_SELECTOR, "article .query")]
    assert queries == list(HOSTILE)
    assert browser.find_elements(By.TAG_NAME, "script") == []
    pictures = browser.find_elements(By.TAG_NAME, "img")
    assert len(pictures) == 2 * len(HOSTILE)
    assert {picture.get_property("naturalWidth") for picture in pictures} == {240}


def test_it_is_styled_and_fits_the_window(
    browser: webdriver.Chrome, visit: Callable[[], list[dict[str, Any]]]
) -> None:
    visit()
    assert browser.execute_script("return document.styleSheets.length") == 1
    for width in (1100, 420):
        browser.set_window_size(width, 1000)
        root = browser.find_element(By.TAG_NAME, "html")
        assert root.get_property("scrollWidth") <= root.get_property("clientWidth")
    browser.set_window_size(1100, 1400)


def test_it_follows_the_readers_colour_scheme(
    browser: webdriver.Chrome, visit: Callable[[], list[dict[str, Any]]]
) -> None:
    shades = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        visit()
        shades.append(browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color"))
    assert shades == ["rgba(251, 250, 247, 1)", "rgba(22, 23, 26, 1)"]


def test_the_browser_would_have_told(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """The checks above can fail: a page that runs a script and fetches a picture is seen doing both."""
    bad = tmp_path / "bad.html"
    bad.write_text("<img src='http://192.0.2.1/pixel.png'><script>document.title='owned'; nothing()</script>")
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    browser.set_page_load_timeout(5)
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["http://*"]})
    browser.get(bad.as_uri())
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        each["params"]["request"]["url"] for each in asked if each["method"] == "Network.requestWillBeSent"
    ]
    assert "http://192.0.2.1/pixel.png" in urls
    assert browser.title == "owned"
    assert any("nothing is not defined" in entry["message"] for entry in browser.get_log("browser"))
