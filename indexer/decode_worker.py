"""The decoding process: reads paths from its pipe, writes what became of each photo to it.

`decode_pool` starts it and speaks the other side. For each path it sends `Identified`; told that the pixels
are wanted, it sends a `DecodedPhoto`. Wherever the photo fails, an `Unreadable` comes in place of either.
"""

import hashlib
import os
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection

from indexer.decode import decode_photo, read_photo
from retrieval.errors import PhotoError
from retrieval.files import hash_bytes

READY = "ready"


@dataclass(frozen=True, slots=True)
class Identified:
    """A file that could be read: the SHA-256 of its bytes in hex, and their number."""

    image_id: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file of which no photo can be made, and why. Where its bytes cannot be read, the id is its path's."""

    image_id: str
    bytes: int
    reason: str


def serve(connection: Connection, size: int, max_megapixels: float) -> None:
    """Answer until the other side closes the pipe."""
    connection.send(READY)
    while True:
        try:
            path = connection.recv_bytes()
        except EOFError:
            return
        _answer(connection, path, size, max_megapixels)


def identify_path(path: bytes) -> str:
    """What stands for the SHA-256 of a file's bytes where they cannot be read."""
    return hashlib.sha256(path).hexdigest()


def _answer(connection: Connection, path: bytes, size: int, max_megapixels: float) -> None:
    try:
        data = read_photo(path)
    except PhotoError as error:
        connection.send(Unreadable(identify_path(path), 0, str(error)))
        return
    image_id = hash_bytes(data)
    connection.send(Identified(image_id, len(data)))
    if not connection.recv():
        return
    try:
        connection.send(decode_photo(data, image_id, size, max_megapixels))
    except PhotoError as error:
        connection.send(Unreadable(image_id, len(data), str(error)))


def main() -> None:
    """Serve the pipe whose descriptor is the first argument; the others are those of `serve`."""
    descriptor, size, max_megapixels = sys.argv[1:]
    # Ctrl-C goes to the whole group of processes; the parent decides what becomes of this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What C libraries say about damaged photos is of no use to anyone: the reason is in the row.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    serve(Connection(int(descriptor)), int(size), float(max_megapixels))
