"""Draws a caption word by word over its photo: reads a photo and its caption, returns a picture."""

from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

from indexer.captioner.captioner import Caption, Captioner
from retrieval.errors import UsageError
from retrieval.pictures.attention_light import light_up
from retrieval.pictures.lettering import Font, load_font

_PANEL = 220  # longer side of a panel, in pixels
_LABEL = 30  # height of the words above a panel
_FONT = 17
_GAP = 10
_COLUMNS = 7
_INK, _FAINT, _PAPER = (20, 20, 20), (176, 176, 176), (255, 255, 255)


def require_attention(captioner: Captioner) -> None:
    """Refuse a captioner whose captions have no attention to draw.

    Raises:
        UsageError: it is such a one.
    """
    from indexer.captioner.attention_captioner import AttentionCaptioner

    if not isinstance(captioner, AttentionCaptioner):
        raise UsageError(
            f"captioner {captioner.name} gives no attention to draw; use an attention captioner, such as "
            "`default`"
        )


def draw_attention(photo: Image.Image, caption: Caption) -> Image.Image:
    """The photo, then once per word the photo lit where the decoder looked, after Xu et al. 2015, figure 3.

    The word is underlined among its neighbours; the brightest place of each word is its largest weight.

    Raises:
        UsageError: the caption has no attention.
    """
    if caption.attention_TRC is None:
        raise UsageError("found a caption without attention, expected one of an attention captioner")
    photo = photo.convert("RGB")
    photo.thumbnail((_PANEL, _PANEL), Image.Resampling.LANCZOS)
    lit = [light_up(photo, weights_RC) for weights_RC in caption.attention_TRC]
    sheet, corners = _lay_out([photo, *lit])
    draw, font = ImageDraw.Draw(sheet), load_font(_FONT)
    for number, (left, top) in enumerate(corners[1:]):
        _write_word(
            draw, font, caption.words, number, (left + photo.width / 2, top - _LABEL / 2), photo.width
        )
    return sheet


def stack_drawings(drawings: Sequence[Image.Image]) -> Image.Image:
    """Several drawings below one another."""
    height = sum(drawing.height for drawing in drawings)
    sheet = Image.new("RGB", (max(drawing.width for drawing in drawings), height), _PAPER)
    top = 0
    for drawing in drawings:
        sheet.paste(drawing, (0, top))
        top += drawing.height
    return sheet


def _lay_out(panels: Sequence[Image.Image]) -> tuple[Image.Image, list[tuple[int, int]]]:
    """The panels in rows of about equal length, room for a label above each, and their upper left corners."""
    width, height = panels[0].size
    rows = -(-len(panels) // _COLUMNS)
    columns = -(-len(panels) // rows)
    sheet = Image.new(
        "RGB", (_GAP + columns * (width + _GAP), _GAP + rows * (height + _LABEL + _GAP)), _PAPER
    )
    corners = [
        (
            _GAP + number % columns * (width + _GAP),
            _GAP + number // columns * (height + _LABEL + _GAP) + _LABEL,
        )
        for number in range(len(panels))
    ]
    for panel, corner in zip(panels, corners, strict=True):
        sheet.paste(panel, corner)
    return sheet, corners


def _write_word(
    draw: ImageDraw.ImageDraw,
    font: Font,
    words: Sequence[str],
    number: int,
    middle: tuple[float, float],
    width: int,
) -> None:
    """One word, underlined, and as many of its neighbours on either side as fit into `width` pixels."""
    x, y = middle
    length = font.getlength(words[number])
    draw.text(middle, words[number], fill=_INK, font=font, anchor="mm")
    below = y + _FONT * 0.55
    draw.line((x - length / 2, below, x + length / 2, below), fill=_INK, width=2)
    room = (width - length) / 2 - font.getlength(" ")
    before = " ".join(reversed(_fit(reversed(words[:number]), font, room)))
    after = " ".join(_fit(words[number + 1 :], font, room))
    space = length / 2 + font.getlength(" ")
    draw.text((x - space, y), before, fill=_FAINT, font=font, anchor="rm")
    draw.text((x + space, y), after, fill=_FAINT, font=font, anchor="lm")


def _fit(words: Iterable[str], font: Font, room: float) -> list[str]:
    """The first words that fit side by side."""
    fitting: list[str] = []
    for word in words:
        if font.getlength(" ".join([*fitting, word])) > room:
            break
        fitting.append(word)
    return fitting
