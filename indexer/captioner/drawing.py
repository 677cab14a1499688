"""Draws a caption word by word over its photo: reads a photo and its caption, returns a picture."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from indexer.captioner.captioner import Caption
from retrieval.attention_light import light_up
from retrieval.errors import UsageError

_PANEL = 220  # longer side of a panel, in pixels
_LABEL = 30  # height of the word above a panel
_GAP = 10
_COLUMNS = 7
_INK, _PAPER = (20, 20, 20), (255, 255, 255)


def draw_attention(photo: Image.Image, caption: Caption) -> Image.Image:
    """The photo, then once per word the photo lit where the decoder looked, after Xu et al. 2015, figure 3.

    The map is enlarged smoothly to the photo; the brightest place of each word is its largest weight. Raises
    `UsageError` where the captioner gives no attention.
    """
    if caption.attention_TRC is None:
        raise UsageError(
            "this captioner gives no attention to draw; use an attention captioner, such as `default`"
        )
    photo = photo.convert("RGB")
    photo.thumbnail((_PANEL, _PANEL), Image.Resampling.LANCZOS)
    panels = [("", photo)]
    for word, weights_RC in zip(caption.words, caption.attention_TRC, strict=True):
        panels.append((word, light_up(photo, weights_RC)))
    return _lay_out(panels)


def stack_drawings(drawings: Sequence[Image.Image]) -> Image.Image:
    """Several drawings below one another."""
    height = sum(drawing.height for drawing in drawings)
    sheet = Image.new("RGB", (max(drawing.width for drawing in drawings), height), _PAPER)
    top = 0
    for drawing in drawings:
        sheet.paste(drawing, (0, top))
        top += drawing.height
    return sheet


def _lay_out(panels: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    width, height = panels[0][1].size
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    sheet = Image.new(
        "RGB", (_GAP + columns * (width + _GAP), _GAP + rows * (height + _LABEL + _GAP)), _PAPER
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=18)
    for number, (word, panel) in enumerate(panels):
        left = _GAP + number % columns * (width + _GAP)
        top = _GAP + number // columns * (height + _LABEL + _GAP)
        draw.text((left + width / 2, top + _LABEL / 2), word, fill=_INK, font=font, anchor="mm")
        sheet.paste(panel, (left, top + _LABEL))
    return sheet
