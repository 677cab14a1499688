"""One photo: bytes of a file → pixels and the facts that the index keeps. Writes nothing."""

import io
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from PIL import Image, UnidentifiedImageError

from indexer.photo_files.reason import Reason, photo_error
from indexer.pixels.exif import read_exif
from indexer.pixels.framing import Framing
from indexer.pixels.resizing import resize_to_square
from retrieval.errors import PhotoError, one_line
from retrieval.installing import how_to_install
from retrieval.pictures.photo_pixels import FORMATS, find_formats, to_rgb, turn_upright
from retrieval.printable import make_printable

# Pillow opens no photo of more.
MOST_MEGAPIXELS = 178.0

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# Blocks of pixels become one before a photo is squeezed, while its edges stay so many times as long as then.
_REDUCING_GAP = 2


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPhoto:
    """One photo, upright.

    `pixels_HWC` is uint8 RGB, a square once it is `squeezed`. `width` and `height` are those of the upright
    photo in pixels, whatever became of these. `framed_HWC` is what another model looks at, where one was
    asked for.
    """

    pixels_HWC: np.ndarray
    width: int
    height: int
    orientation: int
    taken: datetime | None
    camera: str | None
    framed_HWC: np.ndarray | None = None

    def squeezed(self, size: int) -> "DecodedPhoto":
        """With the whole of it in the captioner's square."""
        return replace(self, pixels_HWC=resize_to_square(self.pixels_HWC, size))


def decode_photo(
    data: bytes, size: int, max_megapixels: float = 50.0, framing: Framing | None = None
) -> DecodedPhoto:
    """A photo as `read_pixels` reads it, squeezed to a square of `size` pixels a side.

    Raises:
        PhotoError: as there.
    """
    return read_pixels(data, size, max_megapixels, framing).squeezed(size)


def read_pixels(
    data: bytes, size: int, max_megapixels: float = 50.0, framing: Framing | None = None
) -> DecodedPhoto:
    """A photo's pixels, whatever its mode and orientation, for a square of `size` pixels a side.

    Neither edge is longer than `longest_edge(size)`; with a `framing`, there is what that asks for as well.

    Transparent parts show white, of an animation the first frame counts, and more than 8 bits a channel are
    scaled to 8. A JPEG is decoded small, as far as these edges allow. Photos of which more than
    `max_megapixels` would be in memory are refused before any is decoded.

    Raises:
        PhotoError: no photo can be made of these bytes; the text begins with a `Reason`.
    """
    if not data:
        raise photo_error(Reason.EMPTY, "the file has no bytes")
    # A decoder fed damaged bytes raises whatever its code runs into: every failure of one photo is a row.
    try:
        return _decode(data, size, max_megapixels, framing)
    except PhotoError:
        raise
    except UnidentifiedImageError:
        raise _unidentified(data) from None
    except Image.DecompressionBombError:
        raise photo_error(
            Reason.TOO_LARGE, f"more than {MOST_MEGAPIXELS:g} megapixels, the most that can be read"
        ) from None
    except Exception as error:
        text = one_line(error)
        reason = Reason.TRUNCATED if "truncated" in text.lower() else Reason.DAMAGED
        raise photo_error(reason, text) from None


def _decode(data: bytes, size: int, max_megapixels: float, framing: Framing | None) -> DecodedPhoto:
    with Image.open(io.BytesIO(data), formats=find_formats()) as image:
        width, height = image.size
        before = read_exif(image) if image.format == "TIFF" else None
        least_edge = max(size, framing.least_edge) if framing else size
        image.draft(None, (least_edge, least_edge))
        # A progressive JPEG is held in memory whole, however small it is decoded.
        columns, rows = (width, height) if "progressive" in image.info else image.size
        if columns * rows > max_megapixels * 1e6:
            raise photo_error(
                Reason.TOO_LARGE,
                f"{columns} × {rows} pixels are {columns * rows / 1e6:.1f} megapixels, at most "
                f"{max_megapixels:g} are decoded; raise max_megapixels in a config, then index with "
                "--retry-failed",
            )
        image.load()
        facts = read_exif(image)
        colours = to_rgb(image)
        pixels_HWC = np.asarray(turn_upright(_reduce(colours, size), facts.orientation))
        framed_HWC = _frame(colours, framing, facts.orientation) if framing else None
        # Pillow turns a TIFF upright itself, its size included, and then says that it is upright.
        if before is not None:
            facts = before
        elif facts.orientation >= 5:
            width, height = height, width
    return DecodedPhoto(pixels_HWC, width, height, facts.orientation, facts.taken, facts.camera, framed_HWC)


def longest_edge(size: int) -> int:
    """How many pixels the edges of a photo have at most that is to be squeezed to `size` a side."""
    return 2 * _REDUCING_GAP * size


def _reduce(colours: Image.Image, size: int) -> Image.Image:
    """With means of whole blocks of pixels for pixels, until no edge has more than `longest_edge`."""
    width, height = (max(1, edge // (_REDUCING_GAP * size)) for edge in colours.size)
    return colours.reduce((width, height))


def _frame(colours: Image.Image, framing: Framing, orientation: int) -> np.ndarray:
    """What another model looks at, as its own processor would cut it."""
    square = colours.resize(
        (framing.side, framing.side),
        Image.Resampling(framing.resample),
        box=framing.find_box(*colours.size),
        reducing_gap=3.0,
    )
    return np.asarray(turn_upright(square, orientation))


def _unidentified(data: bytes) -> PhotoError:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        if "HEIF" in find_formats():
            return photo_error(Reason.DAMAGED, "the HEIF (HEIC) container cannot be read")
        return photo_error(
            Reason.UNSUPPORTED,
            # A row keeps it, as UTF-8; a path can be anything.
            f"a HEIF (HEIC) photo needs its plugin; run `{make_printable(how_to_install('pillow-heif'))}`, "
            "then index with --retry-failed",
        )
    if b"<svg" in data[:1024].lower():
        return photo_error(Reason.UNSUPPORTED, "an SVG drawing is not a photo; export it as PNG")
    if data.startswith(_TIFF_MAGIC):
        return photo_error(
            Reason.UNSUPPORTED,
            "a TIFF of a kind that is not read, or one that is cut short; export it with 8 bits a channel",
        )
    return photo_error(Reason.NOT_AN_IMAGE, f"none of {', '.join(FORMATS)}")
