"""What a search found, as HTML: a grid for notebooks, a page for browsers. Reads photos; writes nothing.

Nothing is fetched and nothing is run: photos travel inside, small, and every text is escaped.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import PhotoError
from retrieval.page_templates import open_templates
from retrieval.pictures.thumbnail import embed_jpeg, encode_thumbnail
from retrieval.pictures.verified_photos import VerifiedPhotos
from retrieval.printable import make_printable
from retrieval.search.results import say_percent
from retrieval.store.schema import Provenance

if TYPE_CHECKING:
    from retrieval.search.hit import Hit
    from retrieval.search.results import Results

_SIDE = 360


def render_grid(results: "Results") -> str:
    """The photos with their captions, as a fragment that brings its own style."""
    return _render("grid.html.j2", results)


def render_page(title: str, results: "Results") -> str:
    """A page of its own with the photos, each a link to its file."""
    return _render("gallery.html.j2", results, title=make_printable(title))


def _render(template: str, results: "Results", **texts: str) -> str:
    photos = VerifiedPhotos()
    cards = [_make_card(hit, results, photos) for hit in results]
    doubtful = bool(cards) and results.matches_well is False
    return (
        open_templates("retrieval.pictures")
        .get_template(template)
        .render(cards=cards, doubtful=doubtful, **texts)
    )


def _make_card(hit: "Hit", results: "Results", photos: VerifiedPhotos) -> dict[str, str]:
    file, picture = _find_picture(photos, hit, results)
    sure = "" if hit.probability is None else f"{say_percent(hit.probability)} · "
    author = "by a person · " if hit.provenance is Provenance.HUMAN else ""
    return {
        "rank": str(hit.rank),
        "caption": make_printable(hit.caption),
        "about": f"{sure}{author}",
        "file": make_printable(file.name),
        "path": hit.path,
        "link": file.as_uri(),
        "picture": picture,
    }


def _find_picture(photos: VerifiedPhotos, hit: "Hit", results: "Results") -> tuple[Path, str]:
    """Where the photo lies, and the photo, small; "" where nothing can be shown of it any more."""
    try:
        with photos.open(hit.image_id, results.files(hit)) as file:
            return Path(file.name), embed_jpeg(encode_thumbnail(file.read(), _SIDE))
    except (OSError, PhotoError):
        return results.file(hit), ""
