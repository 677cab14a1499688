"""`retrieve caption --states` and its page in a real browser: stepping through units by key and mouse."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.e2e.retrieve import Retrieve
from tests.e2e.watched_page import Watched, fits_its_window

HOSTILE = "<img src=x onerror=\"document.title='owned'\">.png"
UNITS = 16


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / HOSTILE, folder / "two.png", folder / "three.png"]
    for number, path in enumerate(paths):
        Image.linear_gradient("L").rotate(120 * number).convert("RGB").resize((300, 200)).save(path)
    return paths


@pytest.fixture(scope="module")
def page(
    photos: list[Path],
    tiny_config: Path,
    retrieve_here: Retrieve,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    path = tmp_path_factory.mktemp("page") / "states.html"
    done = retrieve_here("caption", *photos, "--config", tiny_config, "--states", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 3
    return path


class Opened(Watched):
    """The page, opened afresh, as a person has it before them."""

    def __init__(self, browser: Browser, path: Path) -> None:
        super().__init__(browser.new_page(viewport={"width": 1100, "height": 1400}))
        self.page.goto(path.as_uri())
        data = self.page.locator("#data").text_content()
        self.units = [unit["number"] for unit in json.loads(data)["units"]]

    @property
    def unit(self) -> int:
        return int(self.page.locator("#unit").input_value())

    @property
    def colours(self) -> list[str]:
        return self.page.locator(".word").evaluate_all(
            "words => words.map(word => getComputedStyle(word).backgroundColor)"
        )


@pytest.fixture
def opened(browser: Browser, page: Path) -> Iterator[Opened]:
    opened = Opened(browser, page)
    yield opened
    opened.page.close()
    assert (opened.asked, opened.complaints) == ([page.as_uri()], [])


def test_names_are_shown_as_they_are(opened: Opened) -> None:
    assert opened.page.title() == "Hidden states of tiny on efficientnet-lite0"
    names = opened.page.locator("figcaption .faint").all_inner_texts()
    assert names == [HOSTILE, "two.png", "three.png"]
    widths = opened.page.locator("img").evaluate_all("pictures => pictures.map(each => each.naturalWidth)")
    assert widths == [200] * 3


def test_words_are_coloured_by_the_unit_and_the_arrow_keys_step(opened: Opened) -> None:
    press = opened.page.keyboard.press
    assert sorted(opened.units) == list(range(UNITS))
    assert opened.unit == opened.units[0]
    first = opened.colours
    assert len(first) > 3
    assert len(set(first)) > 1
    press("ArrowRight")
    assert opened.unit == opened.units[1]
    assert opened.colours != first
    press("ArrowUp")
    assert (opened.unit, opened.colours) == (opened.units[0], first)
    for key, unit in (("ArrowLeft", -1), ("ArrowDown", 0), ("End", -1), ("Home", 0)):
        press(key)
        assert opened.unit == opened.units[unit]


def test_the_mouse_steps_and_picks(opened: Opened) -> None:
    page = opened.page
    for button in ("#next", "#next", "#previous"):
        page.click(button)
    assert opened.unit == opened.units[1]
    page.click("#units li:nth-child(5)")
    assert opened.unit == opened.units[4]
    chosen = page.locator("#units [aria-selected=true]").all_inner_texts()
    assert [text.split()[0] for text in chosen] == [str(opened.units[4])]
    assert f"unit {opened.units[4]}, 5 of {UNITS}" in page.locator("#told").inner_text()


def test_a_number_is_typed_and_one_beyond_the_last_becomes_the_last(opened: Opened) -> None:
    for typed, unit in (("7", 7), ("99", UNITS - 1), ("-3", 0)):
        opened.page.fill("#unit", typed)
        opened.page.keyboard.press("Enter")
        assert opened.unit == unit


def test_one_kind_of_unit_is_listed_alone(opened: Opened) -> None:
    kinds = opened.page.locator("#of option").all_inner_texts()
    assert kinds[0] == f"all {UNITS}"
    counts = [int(kind.rsplit("(", 1)[1].rstrip(")")) for kind in kinds[1:]]
    assert sum(counts) == UNITS
    opened.page.select_option("#of", index=1)
    assert opened.page.locator("#units li").count() == counts[0]
    assert opened.unit == opened.units[0]


def test_it_fits_a_narrow_window(opened: Opened) -> None:
    for width in (1100, 420):
        opened.page.set_viewport_size({"width": width, "height": 1000})
        assert fits_its_window(opened.page)


def test_it_opens_at_the_unit_that_was_asked_for(
    browser: Browser, photos: list[Path], tiny_checkpoint: Path, tmp_path: Path, retrieve_here: Retrieve
) -> None:
    out = tmp_path / "states.html"
    done = retrieve_here(
        "caption", photos[1], "--captioner", tiny_checkpoint, "--states", out, "--unit", "11"
    )
    assert done.returncode == 0
    assert Opened(browser, out).unit == 11


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--states", "s.html", "--unit", str(UNITS)],
            f"found unit {UNITS}, expected one of 0 to {UNITS - 1}",
        ),
        (["--states", "nowhere/s.html"], "cannot write the page to"),
        (["--unit", "3"], "--unit"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    arguments: list[str],
    message: str,
    photos: list[Path],
    tiny_config: Path,
    tmp_path: Path,
    retrieve_here: Retrieve,
) -> None:
    done = retrieve_here("caption", photos[1], "--config", tiny_config, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
