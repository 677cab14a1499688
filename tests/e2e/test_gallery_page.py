"""What a search found, in a real browser: on a page and in a notebook, with long words and wide photos."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from retrieval.pictures.gallery import render_grid, render_page
from retrieval.search.hit import Hit
from retrieval.search.results import Results
from retrieval.store.files import hash_file
from tests.e2e.watched_page import fits_its_window

LONG = "w" * 200
HEBREW = "הכלב שלנו בים"
PAGES = {
    "page": lambda results: render_page(LONG, results),
    "notebook": lambda results: f"<!doctype html><meta charset=utf-8>{render_grid(results)}",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A photo twelve times as wide as high, under a long name: with a long word, and with Hebrew."""
    file = tmp_path_factory.mktemp("photos") / f"{LONG}.png"
    Image.new("RGB", (3600, 300), "teal").save(file)
    image_id = hash_file(file)
    hits = [Hit(rank, 0.9, image_id, str(file), text, {}) for rank, text in enumerate((LONG, HEBREW), 1)]
    return Results(hits, generation=1, photos=2, allowed=2, find_files=lambda _: [file])


@pytest.fixture
def show(browser: Browser, results: Results, tmp_path: Path) -> Iterator[Callable[[str, int], Page]]:
    page = browser.new_page()

    def show(name: str, width: int) -> Page:
        path = tmp_path / "shown.html"
        path.write_text(PAGES[name](results), encoding="utf-8")
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(path.as_uri())
        return page

    yield show
    page.close()


@pytest.mark.parametrize(("name", "width"), [("page", 1100), ("page", 420), ("notebook", 1100)])
def test_it_fits_its_window(show: Callable[[str, int], Page], name: str, width: int) -> None:
    page = show(name, width)
    expect(page.locator("img")).to_have_count(2)
    assert fits_its_window(page)


@pytest.mark.parametrize("name", PAGES)
def test_captions_are_read_in_the_direction_of_their_script(
    show: Callable[[str, int], Page], name: str
) -> None:
    expect(show(name, 1100).get_by_text(HEBREW)).to_have_css("direction", "rtl")
