"""Photos made small. Reads a photo's bytes; gives upright pictures, JPEG bytes or `data:` addresses."""

import base64
import contextlib
import io
from pathlib import Path

from PIL import Image, ImageCms

from retrieval.errors import PhotoError
from retrieval.pictures.photo_pixels import find_formats, read_orientation, to_rgb, turn_upright
from retrieval.regular_file import open_regular

_QUALITY = 80
_EMBEDDED_SIDE = 240


def draw_thumbnail(data: bytes, side: int) -> Image.Image:
    """The photo upright, in sRGB, of at most `side` x `side` pixels; never larger than it is.

    Raises:
        PhotoError: no picture can be made of these bytes.
    """
    # A decoder fed damaged bytes raises whatever its code runs into.
    try:
        with Image.open(io.BytesIO(data), formats=find_formats()) as photo:
            photo.draft("RGB", (side, side))
            photo.load()
            small = to_rgb(turn_upright(photo, read_orientation(photo)))
            small.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
            return _to_srgb(small, photo.info.get("icc_profile") or b"")
    except Exception as error:
        raise PhotoError(f"found no picture in this file ({error}), expected a photo") from None


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The RGB image in the colours that its ICC profile says; as it is where that is of others or damaged."""
    if profile[16:20] == b"RGB ":
        with contextlib.suppress(ImageCms.PyCMSError):
            srgb = ImageCms.createProfile("sRGB")
            ImageCms.profileToProfile(image, io.BytesIO(profile), srgb, inPlace=True)
    return image


def encode_thumbnail(data: bytes, side: int) -> bytes:
    """`draw_thumbnail` as JPEG, without the photo's metadata.

    Raises:
        PhotoError: as `draw_thumbnail`.
    """
    file = io.BytesIO()
    draw_thumbnail(data, side).save(file, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return file.getvalue()


def embed_thumbnail(path: Path, side: int = _EMBEDDED_SIDE) -> str:
    """The photo as a small JPEG that travels inside a page; "" where it cannot be read (any more)."""
    try:
        with open_regular(path) as file:
            return embed_jpeg(encode_thumbnail(file.read(), side))
    except (OSError, PhotoError):
        return ""


def embed_jpeg(small: bytes) -> str:
    """A JPEG as an address that holds all of it."""
    return f"data:image/jpeg;base64,{base64.b64encode(small).decode('ascii')}"
