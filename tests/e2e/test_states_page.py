"""`retrieve caption --states` and its page in a real browser: stepping through units by key and mouse."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

RETRIEVE = Path(sys.executable).with_name("retrieve")
HOSTILE = "<img src=x onerror=\"document.title='owned'\">.png"
UNITS = 16


def caption(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RETRIEVE, "caption", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / HOSTILE, folder / "two.png", folder / "three.png"]
    for number, path in enumerate(paths):
        Image.linear_gradient("L").rotate(120 * number).convert("RGB").resize((90, 60)).save(path)
    return paths


@pytest.fixture(scope="module")
def page(photos: list[Path], tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "states.html"
    done = caption(*photos, "--captioner", tiny_checkpoint, "--states", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 3
    return path


class Page:
    """The page, opened afresh, as a person has it before them."""

    def __init__(self, browser: webdriver.Chrome, path: Path) -> None:
        self.browser = browser
        browser.get("about:blank")
        browser.get_log("performance")
        browser.get_log("browser")
        browser.get(path.as_uri())
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        self.asked = [
            each["params"]["request"]["url"]
            for each in messages
            if each["method"] == "Network.requestWillBeSent"
        ]
        data = browser.find_element(By.ID, "data").get_property("textContent")
        self.units = [unit["number"] for unit in json.loads(data)["units"]]

    @property
    def unit(self) -> int:
        return int(self.browser.find_element(By.ID, "unit").get_property("value"))

    @property
    def colours(self) -> list[str]:
        words = self.browser.find_elements(By.CSS_SELECTOR, ".word")
        return [word.value_of_css_property("background-color") for word in words]

    def press(self, key: str) -> None:
        self.browser.find_element(By.TAG_NAME, "body").send_keys(key)

    def click(self, selector: str) -> None:
        self.browser.find_element(By.CSS_SELECTOR, selector).click()


@pytest.fixture
def opened(browser: webdriver.Chrome, page: Path) -> Iterator[Page]:
    opened = Page(browser, page)
    yield opened
    assert browser.get_log("browser") == []


def test_it_asks_for_nothing_and_shows_names_as_they_are(opened: Page, page: Path) -> None:
    assert page.as_uri() in opened.asked
    assert [url for url in opened.asked if url != page.as_uri() and not url.startswith("data:")] == []
    assert opened.browser.title == "Hidden states of tiny on efficientnet-lite0"
    names = [each.text for each in opened.browser.find_elements(By.CSS_SELECTOR, "figcaption .faint")]
    assert names == [HOSTILE, "two.png", "three.png"]
    pictures = opened.browser.find_elements(By.TAG_NAME, "img")
    assert [picture.get_property("naturalWidth") for picture in pictures] == [200] * 3


def test_words_are_coloured_by_the_unit_and_the_arrow_keys_step(opened: Page) -> None:
    assert sorted(opened.units) == list(range(UNITS))
    assert opened.unit == opened.units[0]
    first = opened.colours
    assert len(first) > 3
    assert len(set(first)) > 1
    opened.press(Keys.ARROW_RIGHT)
    assert opened.unit == opened.units[1]
    assert opened.colours != first
    opened.press(Keys.ARROW_UP)
    assert (opened.unit, opened.colours) == (opened.units[0], first)
    for key, unit in ((Keys.ARROW_LEFT, -1), (Keys.ARROW_DOWN, 0), (Keys.END, -1), (Keys.HOME, 0)):
        opened.press(key)
        assert opened.unit == opened.units[unit]


def test_the_mouse_steps_and_picks(opened: Page) -> None:
    opened.click("#next")
    opened.click("#next")
    opened.click("#previous")
    assert opened.unit == opened.units[1]
    opened.click("#units li:nth-child(5)")
    assert opened.unit == opened.units[4]
    chosen = opened.browser.find_elements(By.CSS_SELECTOR, "#units [aria-selected=true]")
    assert [each.text.split()[0] for each in chosen] == [str(opened.units[4])]
    assert f"unit {opened.units[4]}, 5 of {UNITS}" in opened.browser.find_element(By.ID, "told").text


def test_a_number_is_typed_and_one_beyond_the_last_becomes_the_last(opened: Page) -> None:
    field = opened.browser.find_element(By.ID, "unit")
    for typed, unit in (("7", 7), ("99", UNITS - 1), ("-3", 0)):
        field.clear()
        field.send_keys(typed, Keys.ENTER)
        assert opened.unit == unit


def test_one_kind_of_unit_is_listed_alone(opened: Page) -> None:
    kinds = opened.browser.find_elements(By.CSS_SELECTOR, "#of option")
    assert kinds[0].text == f"all {UNITS}"
    counts = [int(kind.text.rsplit("(", 1)[1].rstrip(")")) for kind in kinds[1:]]
    assert sum(counts) == UNITS
    kinds[1].click()
    listed = opened.browser.find_elements(By.CSS_SELECTOR, "#units li")
    assert len(listed) == counts[0]
    assert opened.unit == opened.units[0]


def test_it_fits_a_narrow_window(opened: Page) -> None:
    for width in (1100, 420):
        opened.browser.set_window_size(width, 1000)
        root = opened.browser.find_element(By.TAG_NAME, "html")
        assert root.get_property("scrollWidth") <= root.get_property("clientWidth")
    opened.browser.set_window_size(1100, 1400)


def test_it_opens_at_the_unit_that_was_asked_for(
    browser: webdriver.Chrome, photos: list[Path], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "states.html"
    done = caption(photos[1], "--captioner", tiny_checkpoint, "--states", out, "--unit", "11")
    assert done.returncode == 0
    assert Page(browser, out).unit == 11


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--states", "s.html", "--unit", str(UNITS)],
            f"found unit {UNITS}, expected one of 0 to {UNITS - 1}",
        ),
        (["--states", "s.html", "--unit", "-1"], f"found unit -1, expected one of 0 to {UNITS - 1}"),
        (["--states", "nowhere/s.html"], "cannot write the page to"),
        (["--unit", "3"], "--unit"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    arguments: list[str], message: str, photos: list[Path], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [RETRIEVE, "caption", photos[1], "--captioner", tiny_checkpoint, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
