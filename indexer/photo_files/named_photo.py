"""A photo by what people call it: its file, or the image_id of a hit. Reads the file; writes nothing."""

import re
from typing import NamedTuple

from indexer.photo_files.photo_file import read_photo
from retrieval.errors import PhotoError, UsageError
from retrieval.store.files import hash_bytes

_IMAGE_ID = re.compile(r"[0-9a-f]{64}")


class NamedPhoto(NamedTuple):
    """`data` are the bytes of its file; None where it was named by its image_id."""

    image_id: str
    data: bytes | None


def find_named(name: str) -> NamedPhoto:
    """The photo of this name.

    Raises:
        UsageError: it is empty, or is no image_id and no file that can be read.
    """
    if not name:
        raise UsageError("found an empty name, expected a photo's file or the image_id of a hit; name one")
    if _IMAGE_ID.fullmatch(name):
        return NamedPhoto(name, None)
    try:
        data = read_photo(name).data
    except PhotoError as error:
        raise UsageError(
            f"cannot read {name} ({error}), expected a photo's file or the image_id of a hit; "
            "correct the name"
        ) from None
    return NamedPhoto(hash_bytes(data), data)
