"""The decoding process: reads paths from its pipe, writes what became of each photo to it.

`decode_pool` starts it and speaks the other side. For each path it sends `Identified`; told that the pixels
are wanted, it sends a `DecodedPhoto`. Wherever the photo fails, an `Unreadable` comes in place of either.
Messages are their length and JSON, pixels follow as bytes: a decoder that a photo took over can say nothing
that runs code, nor keep the other side waiting.
"""

import contextlib
import dataclasses
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from indexer.photo_files.file_stamp import FileStamp
from indexer.photo_files.photo_file import read_photo
from indexer.pipeline.arenas import keep_freed
from indexer.pixels.decode import DecodedPhoto, longest_edge, read_pixels
from indexer.pixels.framing import Framing
from retrieval.errors import PhotoError
from retrieval.store.files import hash_bytes

READY = b"ready"
WANTED, UNWANTED = b"wanted", b"unwanted"

_LENGTH = struct.Struct("!I")
_LONGEST_MESSAGE = 2**16
# What a photo of the most megapixels takes in its widest form, several times over.
_MOST_MEMORY = 6 * 2**30
_NICER = 5


@dataclass(frozen=True, slots=True)
class Identified:
    """A file that could be read: the SHA-256 of its bytes in hex, and its stamp."""

    image_id: str
    stamp: FileStamp


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file of which no photo can be made, and why."""

    reason: str


Answer = Identified | Unreadable | DecodedPhoto


def send_answer(connection: Connection, answer: Answer) -> None:
    """Send one answer; `receive_answer` is its inverse."""
    message: dict[str, Any]
    if isinstance(answer, Identified):
        message = {"identified": answer.image_id, "stamp": dataclasses.astuple(answer.stamp)}
    elif isinstance(answer, Unreadable):
        message = {"unreadable": answer.reason[:1000]}
    else:
        message = {
            "size": [answer.width, answer.height, answer.orientation],
            "taken": answer.taken and answer.taken.isoformat(),
            "camera": answer.camera,
            "pixels": answer.pixels_HWC.shape[:2],
        }
    text = json.dumps(message).encode()
    _send(connection, memoryview(_LENGTH.pack(len(text)) + text))
    if isinstance(answer, DecodedPhoto):
        _send(connection, answer.pixels_HWC.data.cast("B"))
        if answer.framed_HWC is not None:
            _send(connection, answer.framed_HWC.data.cast("B"))


def receive_answer(connection: Connection, size: int, framing: Framing | None, seconds: float) -> Answer:
    """An answer whose pixels, if it has any, are for a square of `size` a side, and one as the framing says.

    Raises:
        TimeoutError: the whole of it has not come within `seconds`.
        ValueError, KeyError, TypeError, ArithmeticError, RecursionError, OSError, EOFError: the other side
            does not speak this language.
    """
    arriving = _Arriving(connection, seconds)
    message = arriving.read_message()
    if "identified" in message:
        return Identified(str(message["identified"]), FileStamp(*map(int, message["stamp"])))
    if "unreadable" in message:
        return Unreadable(str(message["unreadable"]))
    width, height, orientation = map(int, message["size"])
    taken, camera = message["taken"], message["camera"]
    rows, columns = map(int, message["pixels"])
    if not 0 < min(rows, columns) <= max(rows, columns) <= longest_edge(size):
        raise ValueError(f"{rows} × {columns} pixels")
    return DecodedPhoto(
        pixels_HWC=arriving.read_pixels(rows, columns),
        width=width,
        height=height,
        orientation=orientation,
        taken=None if taken is None else datetime.fromisoformat(taken),
        camera=None if camera is None else str(camera),
        framed_HWC=arriving.read_pixels(framing.side, framing.side) if framing else None,
    )


def _send(connection: Connection, left: memoryview) -> None:
    while left:
        left = left[os.write(connection.fileno(), left) :]


class _Arriving:
    """What comes of one answer until its time is up.

    Of a connection's own messages nobody can say how long they may take to come, and half a megabyte of
    pixels would be copied three times on arrival.
    """

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._file = connection.fileno()
        self._deadline = time.monotonic() + seconds
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def read_message(self) -> Any:
        """The JSON that an answer begins with."""
        length = bytearray(_LENGTH.size)
        self._fill(memoryview(length))
        (count,) = _LENGTH.unpack(length)
        if count > _LONGEST_MESSAGE:
            raise ValueError(f"a message of {count} bytes")
        text = bytearray(count)
        self._fill(memoryview(text))
        return json.loads(text)

    def read_pixels(self, rows: int, columns: int) -> np.ndarray:
        """As uint8 RGB (rows, columns, 3)."""
        pixels_HWC = np.empty((rows, columns, 3), dtype=np.uint8)
        self._fill(pixels_HWC.data.cast("B"))
        return pixels_HWC

    def _fill(self, left: memoryview) -> None:
        while left:
            milliseconds = 1000 * (self._deadline - time.monotonic())
            if milliseconds <= 0 or not self._poll.poll(milliseconds):
                raise TimeoutError
            count = os.readv(self._file, [left])
            if not count:
                raise EOFError
            left = left[count:]


def serve(connection: Connection, size: int, max_megapixels: float, framing: Framing | None) -> None:
    """Answer until the other side closes the pipe."""
    connection.send_bytes(READY)
    while True:
        try:
            path = connection.recv_bytes()
        except EOFError:
            return
        _answer(connection, path, size, max_megapixels, framing)


def _answer(
    connection: Connection, path: bytes, size: int, max_megapixels: float, framing: Framing | None
) -> None:
    try:
        file = read_photo(path)
        send_answer(connection, Identified(hash_bytes(file.data), file.stamp))
        if connection.recv_bytes() == WANTED:
            send_answer(connection, read_pixels(file.data, size, max_megapixels, framing))
    except PhotoError as error:
        send_answer(connection, Unreadable(str(error)))


def main() -> None:
    """Serve the pipe whose descriptor is the first argument; the others are those of `serve`."""
    descriptor, size, max_megapixels, *numbers = sys.argv[1:]
    framing = Framing(*map(int, numbers)) if numbers else None
    # Ctrl-C goes to the whole group of processes; the parent decides what becomes of this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What C libraries say about damaged photos is of no use to anyone: the reason is in the row.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    # macOS may refuse any limit, and Linux one above that which the shell has set.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    # The threads of the CNN wait for one another at every layer: none of them is to wait for a photo.
    os.nice(_NICER)
    keep_freed()
    serve(Connection(int(descriptor)), int(size), float(max_megapixels), framing)
