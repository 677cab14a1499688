"""Photos in a notebook and on a page of their own: inside it, escaped, and nothing fetched."""

import base64
import io
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from retrieval.pictures.gallery import render_grid, render_page
from retrieval.search.hit import Hit
from retrieval.search.results import LIKELY, Results
from retrieval.store.files import hash_file
from retrieval.store.schema import Provenance

HOSTILE = "<img src=x onerror=alert(1)>\x1b"
NAME = "<script>alert('1')<"


class Seen(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def results(tmp_path):
    file = tmp_path / NAME
    Image.new("RGB", (800, 400), "teal").save(file, "JPEG")
    files = {hash_file(file): file, "b" * 64: tmp_path / "gone.jpg"}
    hits = [
        Hit(1, 0.9, hash_file(file), str(file), HOSTILE, {}, probability=0.734),
        Hit(2, 0.8, "b" * 64, "/gone.jpg", "a cat", {}),
    ]
    return Results(hits, generation=1, photos=2, allowed=2, find_files=lambda image_id: [files[image_id]])


@pytest.mark.parametrize("render", [render_grid, lambda results: render_page(HOSTILE, results)])
def test_texts_are_texts_and_photos_are_inside(results, render):
    seen = Seen(render(results))
    assert seen.all("script") == []
    (picture,) = seen.all("img")
    assert set(picture) <= {"src", "alt", "title", "style"}
    kind, _, data = picture["src"].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (360, 180)
    assert r"<img src=x onerror=alert(1)>\x1b" in seen.text
    assert f"73% · {NAME}" in seen.text
    assert "no longer there" in seen.text
    assert "\x1b" not in seen.text


@pytest.mark.parametrize("render", [render_grid, lambda results: render_page("a dog", results)])
def test_doubt_and_authors_are_said(results, render):
    assert "matches well" not in render(results)
    assert "by a person" not in render(results)
    results.matches_well = False
    results[0] = replace(results[0], provenance=Provenance.HUMAN)
    seen = Seen(render(results))
    assert "Nothing here matches well. These are the nearest." in seen.text
    assert f"73% · by a person · {NAME}" in seen.text


@pytest.mark.parametrize(
    ("probability", "said"),
    [(0.4999, "49%"), (LIKELY, "50%"), (0.57, "57%"), (0.29, "29%"), (1.0, "100%"), (0.004, "0%")],
)
def test_what_is_said_to_be_likely_is_likely(results, probability, said):
    results[0] = replace(results[0], probability=probability)
    assert f"{said} · {NAME}" in Seen(render_grid(results)).text


def test_a_notebook_gets_the_grid(results):
    assert results._repr_html_() == render_grid(results)
    assert "<style" not in render_grid(results)


def test_the_page_leads_to_the_files_and_nowhere_else(results):
    page = render_page("a dog", results)
    seen = Seen(page)
    assert [link["href"] for link in seen.all("a")] == [results.file(hit).as_uri() for hit in results]
    assert seen.all("link") == []
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page


def test_another_photo_in_its_place_is_not_shown_and_a_copy_is(results, tmp_path):
    (file,) = results.files(results[0])
    moved = file.rename(tmp_path / "copy.jpg")
    Image.new("RGB", (800, 400), "red").save(file, "JPEG")
    assert Seen(render_grid(results)).all("img") == []
    copied = Results(results[:1], generation=1, photos=1, allowed=1, find_files=lambda _: [file, moved])
    seen = Seen(render_page("a dog", copied))
    assert len(seen.all("img")) == 1
    assert [link["href"] for link in seen.all("a")] == [moved.as_uri()]
    file.unlink()
    (link,) = Seen(render_page("a dog", copied)).all("a")
    assert link["href"] == moved.as_uri()


def test_nothing_found_says_so():
    nothing = Results(generation=1, photos=0, allowed=0, find_files=lambda _: [])
    assert "No photo." in render_grid(nothing)
    assert "No photo." in render_page("a dog", nothing)
