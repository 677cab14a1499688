"""Photos as they were indexed, and no other file. Reads photos; keeps their thumbnails in memory.

A path of the index is where a photo was once found. What lies there now is shown only if its bytes have
the SHA-256 that the photo goes by: not another photo, not a file that a link in its place leads to.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path

from retrieval.cache import Cache
from retrieval.errors import PhotoError
from retrieval.pictures.thumbnail import encode_thumbnail
from retrieval.regular_file import is_settled, open_regular

_BLOCK = 2**16
_MOST_THUMBNAIL_BYTES = 64 * 2**20
_MOST_STAMPS = 100_000

_Stamp = tuple[int, int, int, int, int]

_KINDS = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (4, b"ftypavi", "image/avif"),
    (4, b"ftyp", "image/heic"),
    (8, b"WEBP", "image/webp"),
)


class VerifiedPhotos:
    """Opens photos and makes their thumbnails. May be shared by threads."""

    def __init__(self) -> None:
        self._verified: Cache[_Stamp, str] = Cache(_MOST_STAMPS)
        self._thumbnails: Cache[tuple[str, int], bytes] = Cache(
            _MOST_THUMBNAIL_BYTES, lambda _, small: len(small)
        )

    @property
    def thumbnail_bytes(self) -> int:
        """How much memory the thumbnails take."""
        return self._thumbnails.weight

    def open(self, image_id: str, paths: Iterable[Path]) -> BufferedReader:
        """The photo's file, opened; its bytes are those that were indexed.

        Raises:
            PhotoError: none of the paths holds them any more.
        """
        for path in paths:
            try:
                file = open_regular(path)
            except (OSError, ValueError):
                continue
            try:
                if self._hash(file) == image_id:
                    return file
            except OSError:
                pass
            file.close()
        raise PhotoError("found no file with this photo any more, expected it where it was indexed")

    def thumbnail(self, image_id: str, paths: Iterable[Path], side: int) -> bytes:
        """The photo as a JPEG of at most `side` x `side` pixels.

        Raises:
            PhotoError: as `open`, or the bytes give no picture.
        """
        with self.open(image_id, paths) as file:
            small = self._thumbnails.get((image_id, side))
            if small is None:
                small = encode_thumbnail(file.read(), side)
                self._thumbnails.keep((image_id, side), small)
        return small

    def _hash(self, file: BufferedReader) -> str:
        """The SHA-256 of the file, which is read once, and again only where it was touched."""
        before = _stamp(file)
        known = self._verified.get(before)
        if known is not None:
            return known
        read_ns = time.time_ns()
        found = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        *_, changed_ns = before
        if is_settled(changed_ns, read_ns) and _stamp(file) == before:
            self._verified.keep(before, found)
        return found


def read_blocks(file: BufferedReader) -> Iterator[bytes]:
    """The file's bytes, a block at a time; closes it."""
    with file:
        while block := file.read(_BLOCK):
            yield block


def find_kind(file: BufferedReader) -> str:
    """The media type of an opened photo, by its first bytes."""
    start = file.read(16)
    file.seek(0)
    for offset, magic, kind in _KINDS:
        if start[offset:].startswith(magic):
            return kind
    return "application/octet-stream"


def _stamp(file: BufferedReader) -> _Stamp:
    status = os.fstat(file.fileno())
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
