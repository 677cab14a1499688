"""Text in pictures: its font, and as much of it as there is room for. Reads the font; writes nothing."""

from bisect import bisect_right
from functools import lru_cache
from importlib.metadata import distribution

from PIL import ImageFont

Font = ImageFont.FreeTypeFont

# Pillow's own has no letters beyond western Europe's.
_FILE = "matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf"
_CUT = "…"


@lru_cache
def load_font(size: int) -> Font:
    """A font, `size` pixels high, with Latin, Greek, Cyrillic, Hebrew, Arabic, Armenian and Georgian letters.

    Of Chinese, Japanese, Korean, Hindi or Thai it has none, nor most emoji.
    """
    return ImageFont.truetype(str(distribution("matplotlib").locate_file(_FILE)), size)


def cut_text(text: str, font: Font, width: float) -> str:
    """The text where it is no wider than `width` pixels; otherwise its beginning, with an ellipsis."""
    if font.getlength(text) <= width:
        return text
    return text[: _count_fitting(text, font, width, _CUT)].rstrip() + _CUT


def wrap_text(text: str, font: Font, width: float, lines: int) -> str:
    """The text in at most so many lines, each no wider than `width` pixels; the last is cut.

    A word that is wider than a line goes on in the next one.
    """
    wrapped: list[str] = []
    rest = " ".join(text.split())
    while len(wrapped) < lines - 1 and font.getlength(rest) > width:
        fitting = max(_count_fitting(rest, font, width), 1)
        space = rest.rfind(" ", 0, fitting + 1)
        end = space if space > 0 else fitting
        wrapped.append(rest[:end])
        rest = rest[end:].lstrip()
    return "\n".join([*wrapped, cut_text(rest, font, width)])


def _count_fitting(text: str, font: Font, width: float, end: str = "") -> int:
    """How many letters of the text fit, with `end` behind them."""
    counts = range(1, len(text) + 1)
    return bisect_right(counts, width, key=lambda count: font.getlength(text[:count] + end))
