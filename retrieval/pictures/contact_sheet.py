"""Draws what a search found: reads the photos of its hits, returns one picture with a caption under each."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from retrieval.errors import PhotoError
from retrieval.pictures.thumbnail import draw_thumbnail
from retrieval.pictures.verified_photos import VerifiedPhotos
from retrieval.search.hit import Hit

GAP, TITLE = 16, 52
INK, FAINT, PAPER = (24, 24, 24), (120, 120, 120), (255, 255, 255)

_COLUMNS = 4
_SIDE = 260  # of the square that a photo is fitted into, in pixels
_CAPTION = 62
_CAPTION_CHARACTERS = 36


def draw_hits(query: str, hits: Sequence[tuple[Hit, Sequence[Path]]]) -> Image.Image:
    """The query, and below it every photo with its caption, rank and score; one that is gone stays blank.

    With each hit come the paths that it was found under.
    """
    columns = max(1, min(_COLUMNS, len(hits)))
    rows = -(-len(hits) // columns)
    width = GAP + columns * (_SIDE + GAP)
    sheet = Image.new("RGB", (width, TITLE + rows * (_SIDE + _CAPTION + GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, TITLE / 2), query, fill=INK, font=ImageFont.load_default(size=22), anchor="lm")
    for number, (hit, paths) in enumerate(hits):
        left = GAP + number % columns * (_SIDE + GAP)
        top = TITLE + number // columns * (_SIDE + _CAPTION + GAP)
        photo = fit_photo(hit.image_id, paths, _SIDE)
        sheet.paste(photo, (left + (_SIDE - photo.width) // 2, top + (_SIDE - photo.height) // 2))
        _write_below(draw, hit, (left, top + _SIDE + 6))
    return sheet


def _write_below(draw: ImageDraw.ImageDraw, hit: Hit, corner: tuple[int, int]) -> None:
    lines = textwrap.wrap(hit.caption, _CAPTION_CHARACTERS, max_lines=2, placeholder=" …")
    draw.text(corner, "\n".join(lines), fill=INK, font=ImageFont.load_default(size=15))
    place = (corner[0], corner[1] + 38)
    draw.text(place, f"{hit.rank}   {hit.score:.3f}", fill=FAINT, font=ImageFont.load_default(size=13))


def fit_photo(image_id: str, paths: Sequence[Path], side: int) -> Image.Image:
    """The photo in a square of `side` pixels at most; a blank one where no path holds it any more."""
    try:
        with VerifiedPhotos().open(image_id, paths) as file:
            return draw_thumbnail(file.read(), side)
    except (OSError, PhotoError):
        return Image.new("RGB", (side, side), (238, 238, 238))
