"""Photos small enough to travel inside a page. Reads photos, returns `data:` addresses."""

import base64
import io
from pathlib import Path

from PIL import Image, ImageOps

_SIDE = 240
_QUALITY = 78


def embed_thumbnail(path: Path) -> str:
    """The photo as a JPEG of at most 240 x 240 pixels; "" where it cannot be read (any more)."""
    try:
        with Image.open(path) as photo:
            photo.draft("RGB", (_SIDE, _SIDE))
            small = ImageOps.contain(ImageOps.exif_transpose(photo).convert("RGB"), (_SIDE, _SIDE))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""
    file = io.BytesIO()
    small.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
