"""Draws what a search found: reads the photos of its hits, returns one picture with a caption under each."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from retrieval.errors import PhotoError
from retrieval.pictures.lettering import cut_text, load_font, wrap_text
from retrieval.pictures.thumbnail import draw_thumbnail
from retrieval.pictures.verified_photos import VerifiedPhotos
from retrieval.printable import make_printable
from retrieval.search.hit import Hit

GAP, TITLE = 16, 52
COLUMNS = 3  # at least, so that there is room for the title
INK, FAINT, PAPER = (24, 24, 24), (120, 120, 120), (255, 255, 255)

_MOST_COLUMNS = 4
_SIDE = 260  # of the square that a photo is fitted into, in pixels
_CAPTION = 62
_CAPTION_LINES = 2


def draw_hits(query: str, hits: Sequence[tuple[Hit, Sequence[Path]]]) -> Image.Image:
    """The query, and below it every photo with its caption, rank and score; one that is gone stays blank.

    With each hit come the paths that it was found under.
    """
    columns = max(COLUMNS, min(_MOST_COLUMNS, len(hits)))
    rows = -(-len(hits) // columns)
    width = GAP + columns * (_SIDE + GAP)
    sheet = Image.new("RGB", (width, TITLE + rows * (_SIDE + _CAPTION + GAP)), PAPER)
    write_line(sheet, query, TITLE / 2, 20)
    for number, (hit, paths) in enumerate(hits):
        left = GAP + number % columns * (_SIDE + GAP)
        top = TITLE + number // columns * (_SIDE + _CAPTION + GAP)
        photo = fit_photo(hit.image_id, paths, _SIDE)
        sheet.paste(photo, (left + (_SIDE - photo.width) // 2, top + (_SIDE - photo.height) // 2))
        _write_below(ImageDraw.Draw(sheet), hit, (left, top + _SIDE + 6))
    return sheet


def write_line(sheet: Image.Image, text: str, middle: float, size: int) -> None:
    """A line from one edge of the sheet to the other, at most, at this height; what is longer is cut."""
    font = load_font(size)
    cut = cut_text(text, font, sheet.width - 2 * GAP)
    ImageDraw.Draw(sheet).text((GAP, middle), cut, fill=INK, font=font, anchor="lm")


def _write_below(draw: ImageDraw.ImageDraw, hit: Hit, corner: tuple[int, int]) -> None:
    font = load_font(14)
    caption = wrap_text(make_printable(hit.caption), font, _SIDE, _CAPTION_LINES)
    draw.text(corner, caption, fill=INK, font=font, spacing=2)
    place = (corner[0], corner[1] + 38)
    score = f"   {hit.score:.3f}" if hit.channels else ""
    draw.text(place, f"{hit.rank}{score}", fill=FAINT, font=load_font(12))


def fit_photo(image_id: str, paths: Sequence[Path], side: int) -> Image.Image:
    """The photo in a square of `side` pixels at most; a blank one where no path holds it any more."""
    try:
        with VerifiedPhotos().open(image_id, paths) as file:
            return draw_thumbnail(file.read(), side)
    except (OSError, PhotoError):
        return Image.new("RGB", (side, side), (238, 238, 238))
