"""The files of the page, and how its modules lead to one another."""

import re
from pathlib import Path

import pytest

import retrieval.service

FOLDER = Path(retrieval.service.__file__).parent / "page"
KINDS = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "search.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def read(name: str) -> str:
    return (FOLDER / name).read_text()


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_a_file_is_sent_as_what_it_is_and_once(client, name, kind):
    path = "/" if name == "index.html" else f"/{name}"
    answer = client.get(path)
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get(path, headers={"if-none-match": '"0"'})
    assert other.content == answer.content


def test_all_that_the_page_names_is_sent(client):
    named = re.findall(r'(?:href|src)="(/[^"]*)"', read("index.html"))
    assert {"/page.css", "/page.js", "/icon.svg"} < set(named)
    assert [path for path in named if client.get(path).status_code != 200] == []
    assert "http" not in read("index.html")


@pytest.mark.parametrize(
    "path",
    ["/index.html", "/page/index.html", "/page/page.js", "/..%2fapp.py", "/page", "/PAGE.js", "/page.j"],
)
def test_the_folder_has_no_other_way_in(client, path):
    assert client.get(path).status_code == 404


class TestModules:
    @pytest.fixture
    def order(self):
        """The modules, as page.js says that they are to be read."""
        text = re.search(r"In the order to read: ([^.]*)\.", read("page.js").replace("\n//", ""))
        return [*text[1].split(", "), "page"]

    def test_all_are_in_the_order_to_read(self, order):
        assert sorted(order) == sorted(path.stem for path in FOLDER.glob("*.js"))

    def test_one_imports_what_was_read_before(self, order):
        for place, name in enumerate(order):
            imported = re.findall(r'^import .*?"\./(\w+)\.js";$', read(f"{name}.js"), re.MULTILINE)
            assert len(imported) == len(re.findall(r"^import\b", read(f"{name}.js"), re.MULTILINE))
            assert (name, set(imported) - set(order[:place])) == (name, set())

    def test_they_are_loaded_side_by_side(self, order):
        named = re.findall(r'<link rel="modulepreload" href="/(\w+)\.js">', read("index.html"))
        assert [*named, "page"] == order
