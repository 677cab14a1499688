"""What EXIF says about a photo. Reads an opened image's metadata; damaged metadata count as none."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

from retrieval.pictures.photo_pixels import read_orientation

_LONGEST_CAMERA = 100
# EXIF has "2019:07:31 23:59:58"; programs also write dates with - or /, a T before the time, and no seconds.
_TIME = re.compile(r"(\d{4})[:/-](\d\d?)[:/-](\d\d?)[ T](\d\d?):(\d\d?)(?::(\d\d?))?")


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
    found = _TIME.match(_to_text(value))
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups(default="0"))
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _to_camera(maker: Any, model: Any) -> str | None:
    maker, model = _to_text(maker), _to_text(model)
    name = model if model.lower().startswith(maker.lower()) else f"{maker} {model}"
    return name.strip()[:_LONGEST_CAMERA] or None


def _to_text(value: Any) -> str:
    return " ".join(value.replace("\0", " ").split()) if isinstance(value, str) else ""
