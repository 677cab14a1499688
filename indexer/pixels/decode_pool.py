"""Decodes photos in processes of their own: reads files, yields what became of each. Writes nothing.

A decoder that crashes or takes too long costs its photo and no other: its process is replaced.
"""

import contextlib
import multiprocessing
import os
import queue
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from multiprocessing.connection import Connection
from typing import TypeAlias

from indexer.config import IndexConfig
from indexer.photo_files.file_stamp import FileStamp
from indexer.photo_files.photo_file import identify_path
from indexer.photo_files.reason import Reason, photo_error
from indexer.pixels.decode import DecodedPhoto
from indexer.pixels.decode_worker import (
    READY,
    UNWANTED,
    WANTED,
    Answer,
    Identified,
    Unreadable,
    receive_answer,
)
from indexer.pixels.framing import Framing
from retrieval.device import count_cores
from retrieval.errors import PhotoError, RetrievalError
from retrieval.store.schema import PhotoRow

_SECONDS_TO_START = 60.0
_MODULE = "indexer.pixels.decode_worker"
_MAIN = f"from {_MODULE} import main; main()"


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """`size` is the side of the captioner's square in pixels, `ahead` how many photos may wait decoded.

    `workers` is how many processes decode, 0 one for each core; `framing` is what another model looks at.
    """

    size: int
    max_megapixels: float = 50.0
    workers: int = 1
    seconds: float = 60.0
    ahead: int = 128
    framing: Framing | None = None

    @classmethod
    def from_config(cls, config: IndexConfig, size: int, framing: Framing | None = None) -> "DecodeSettings":
        """What a config allows, for a square of `size`."""
        return cls(
            size=size,
            max_megapixels=config.max_megapixels,
            workers=config.workers,
            seconds=config.decode_seconds,
            ahead=2 * config.batch_photos,
            framing=framing,
        )


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """What became of one file. `photo` and `reason` are both None where its pixels were not wanted.

    `seconds` is how long it took. Where its bytes could not be read, `stamp` is None, and what stands for
    their hash is `identify_path`. `row` is what `make_rows` made of it, here or elsewhere (see `cluster/`),
    and has no paths yet.
    """

    path: bytes
    image_id: str
    stamp: FileStamp | None = None
    photo: DecodedPhoto | None = None
    reason: str | None = None
    seconds: float = 0.0
    row: PhotoRow | None = None

    @property
    def bytes(self) -> int:
        """The size of the file; 0 where it could not be read."""
        return self.stamp.size if self.stamp else 0


ReadPhotos: TypeAlias = Callable[
    [Iterable[bytes], Callable[[str], bool], DecodeSettings], Generator[ReadPhoto, None, None]
]
"""What `decode_photos` does, or another in its place."""


def decode_photos(
    paths: Iterable[bytes], wanted: Callable[[str], bool], settings: DecodeSettings
) -> Generator[ReadPhoto, None, None]:
    """What became of each file, in order; processes of this one's own work ahead of the reader.

    `wanted` is asked with each `image_id` (from several threads) whether its pixels are needed.
    """
    pool = DecodePool(settings)
    try:
        yield from pool.decode_photos(paths, wanted)
    finally:
        pool.end()


class DecodePool:
    """Decoding processes for one list of files after the other. They end with it, or with this process."""

    def __init__(self, settings: DecodeSettings) -> None:
        self._ahead = settings.ahead
        self._workers = [_Worker(settings) for _ in range(settings.workers or count_cores())]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(len(self._workers), thread_name_prefix="decode")

    def decode_photos(
        self, paths: Iterable[bytes], wanted: Callable[[str], bool]
    ) -> Generator[ReadPhoto, None, None]:
        """As the function of this name."""
        pending: deque[Future[ReadPhoto]] = deque()
        try:
            for path in paths:
                pending.append(self._threads.submit(self._read, path, wanted))
                if len(pending) >= self._ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for read in pending:
                read.cancel()

    def end(self) -> None:
        """End the processes, whatever they are at."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown()
        for worker in self._workers:
            worker.end()

    def _read(self, path: bytes, wanted: Callable[[str], bool]) -> ReadPhoto:
        worker = self._idle.get()
        started = time.perf_counter()
        try:
            return replace(worker.read(path, wanted), seconds=time.perf_counter() - started)
        finally:
            self._idle.put(worker)


class _Worker:
    """One decoding process, started when first needed."""

    def __init__(self, settings: DecodeSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._stopped = False

    def read(self, path: bytes, wanted: Callable[[str], bool]) -> ReadPhoto:
        """Send one path through the process."""
        image_id, stamp = identify_path(path), None
        try:
            connection = self._start()
            connection.send_bytes(path)
            answer = self._receive(connection)
            if isinstance(answer, Identified):
                image_id, stamp = answer.image_id, answer.stamp
                needed = wanted(image_id)
                connection.send_bytes(WANTED if needed else UNWANTED)
                if not needed:
                    return ReadPhoto(path, image_id, stamp)
                answer = self._receive(connection)
            if isinstance(answer, Unreadable):
                return ReadPhoto(path, image_id, stamp, reason=answer.reason)
            if not isinstance(answer, DecodedPhoto) or stamp is None:
                raise ValueError("an answer to another question")
            return ReadPhoto(path, image_id, stamp, photo=answer.squeezed(self._settings.size))
        except PhotoError as error:
            self.end()
            return ReadPhoto(path, image_id, stamp, reason=str(error))
        except (EOFError, OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
            self.end()
            crash = photo_error(Reason.CRASHED, "the process that decoded it died")
            return ReadPhoto(path, image_id, stamp, reason=str(crash))

    def stop(self) -> None:
        """End the process for good; a `read` in another thread comes back at once."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()

    def _start(self) -> Connection:
        if self._stopped:
            raise EOFError
        if self._connection is not None:
            return self._connection
        connection, other = multiprocessing.Pipe()
        self._connection = connection
        with other:
            settings = self._settings
            arguments = [str(other.fileno()), str(settings.size), str(settings.max_megapixels)]
            if settings.framing is not None:
                arguments += map(str, astuple(settings.framing))
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _MAIN, *arguments],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # numpy's BLAS would start a thread for each core there, and has nothing to multiply.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
            if self._stopped:
                self._process.kill()
        ready = b""
        with contextlib.suppress(EOFError, OSError):
            if connection.poll(_SECONDS_TO_START):
                ready = connection.recv_bytes(len(READY))
        if ready != READY and not self._stopped:
            self.end()
            raise RetrievalError(
                "the decoding process did not start; check what "
                f"`{sys.executable} -P -c 'import {_MODULE}'` says"
            )
        return connection

    def _receive(self, connection: Connection) -> Answer:
        settings = self._settings
        try:
            return receive_answer(connection, settings.size, settings.framing, settings.seconds)
        except TimeoutError:
            text = f"not decoded after {settings.seconds:g} seconds"
            raise photo_error(Reason.TIMED_OUT, text) from None

    def end(self) -> None:
        """End the process; the next `read` starts another, unless it was stopped for good."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
