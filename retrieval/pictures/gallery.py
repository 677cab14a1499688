"""What a search found, as HTML: a grid for notebooks, a page for browsers. Reads photos; writes nothing.

Nothing is fetched and nothing is run: photos travel inside, small, and every text is escaped.
"""

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from retrieval.pictures.thumbnail import embed_thumbnail
from retrieval.printable import make_printable

if TYPE_CHECKING:
    from retrieval.search.hit import Hit
    from retrieval.search.results import Results

_SIDE = 360


def render_grid(results: "Results") -> str:
    """The photos with their captions, as a fragment that brings its own style."""
    return _environment().get_template("grid.html.j2").render(cards=_make_cards(results))


def render_page(title: str, results: "Results") -> str:
    """A page of its own with the photos, each a link to its file."""
    template = _environment().get_template("gallery.html.j2")
    return template.render(title=make_printable(title), cards=_make_cards(results))


def _make_cards(results: "Results") -> list[dict[str, str]]:
    return [_make_card(hit, results) for hit in results]


def _make_card(hit: "Hit", results: "Results") -> dict[str, str]:
    file = results.file(hit)
    sure = "" if hit.probability is None else f"{hit.probability:.0%} · "
    return {
        "rank": str(hit.rank),
        "caption": make_printable(hit.caption),
        "about": f"{sure}{make_printable(file.name)}",
        "path": hit.path,
        "link": file.as_uri(),
        "picture": embed_thumbnail(file, _SIDE),
    }


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("retrieval.pictures", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
