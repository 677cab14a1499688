"""What EXIF says about a photo. Reads an opened image's metadata; damaged metadata count as none."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

from retrieval.pictures.photo_pixels import read_orientation

_LONGEST_CAMERA = 100


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """`orientation` is 1 to 8 (1: upright); `taken` is naive local time; `camera` is maker and model."""

    orientation: int = 1
    taken: datetime | None = None
    camera: str | None = None


def read_exif(image: Image.Image) -> ExifFacts:
    """The facts that the index keeps; defaults where they are missing or make no sense."""
    orientation = read_orientation(image)
    # Pillow's parser raises whatever it runs into (struct.error, KeyError, SyntaxError, ...), and a photo is
    # worth indexing without its metadata.
    try:
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
        # Scanners and editors write the one of the two that they don't know with blanks or zeros for digits.
        taken = _to_time(details.get(ExifTags.Base.DateTimeOriginal))
        taken = taken or _to_time(details.get(ExifTags.Base.DateTimeDigitized))
        maker, model = exif.get(ExifTags.Base.Make), exif.get(ExifTags.Base.Model)
    except Exception:
        return ExifFacts(orientation)
    return ExifFacts(orientation, taken, _to_camera(maker, model))


def _to_time(value: Any) -> datetime | None:
    try:
        return datetime.strptime(_to_text(value)[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _to_camera(maker: Any, model: Any) -> str | None:
    maker, model = _to_text(maker), _to_text(model)
    name = model if model.lower().startswith(maker.lower()) else f"{maker} {model}"
    return name.strip()[:_LONGEST_CAMERA] or None


def _to_text(value: Any) -> str:
    return " ".join(value.replace("\0", " ").split()) if isinstance(value, str) else ""
