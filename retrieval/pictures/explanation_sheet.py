"""Draws why photos came up: reads them, returns a picture, lit where the captioner looked."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from retrieval.pictures.attention_light import light_up
from retrieval.pictures.contact_sheet import COLUMNS, FAINT, GAP, PAPER, TITLE, fit_photo, write_line
from retrieval.pictures.lettering import Font, cut_text, load_font
from retrieval.printable import make_printable
from retrieval.search.explanation import Explanation

_SIDE = 220
_LINE = 28
_LABEL_SIZES = (16, 15, 14, 13, 12, 11, 10, 9, 8)


def draw_explanations(query: str, explained: Sequence[tuple[Explanation, Sequence[Path]]]) -> Image.Image:
    """The query, and below it a row for each photo: itself, and lit for each word that matched.

    With each explanation come the paths that its photo was found under.
    """
    rows = [_draw_panels(explanation, paths) for explanation, paths in explained]
    columns = max((len(row) for row in rows), default=1)
    height = 2 * _LINE + _SIDE + GAP
    sheet = Image.new("RGB", (GAP + max(columns, COLUMNS) * (_SIDE + GAP), TITLE + len(rows) * height), PAPER)
    write_line(sheet, query, TITLE / 2, 20)
    draw = ImageDraw.Draw(sheet)
    for number, (row, (explanation, _)) in enumerate(zip(rows, explained, strict=True)):
        top = TITLE + number * height
        said = f"{number + 1}   {make_printable(explanation.caption)}"
        write_line(sheet, said, top + _LINE / 2, 15)
        for column, (label, panel) in enumerate(row):
            left = GAP + column * (_SIDE + GAP)
            corner = (left + _SIDE / 2, top + 1.5 * _LINE)
            font = _fit_font(label)
            draw.text(corner, cut_text(label, font, _SIDE), fill=FAINT, font=font, anchor="mm")
            sheet.paste(panel, (left + (_SIDE - panel.width) // 2, top + 2 * _LINE))
    return sheet


def _fit_font(label: str) -> Font:
    """The largest in which the label is no wider than a panel, of those that can be read."""
    for size in _LABEL_SIZES:
        font = load_font(size)
        if font.getlength(label) <= _SIDE:
            break
    return font


def _draw_panels(explanation: Explanation, paths: Sequence[Path]) -> list[tuple[str, Image.Image]]:
    photo = fit_photo(explanation.image_id, paths, _SIDE)
    places = "  ".join(f"{name} {place.rank}" for name, place in explanation.channels.items())
    lit = [
        (word.word, light_up(photo, word.attention_RC))
        for word in explanation.words
        if word.matched and word.attention_RC is not None
    ]
    return [(places, photo), *lit]
