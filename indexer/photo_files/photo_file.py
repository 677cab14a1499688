"""A photo's file: reads its bytes and what tells whether it changed since."""

import errno
import hashlib
import os
import stat
import time
from dataclasses import dataclass

from indexer.photo_files.file_stamp import FileStamp
from indexer.photo_files.reason import Reason, photo_error
from retrieval.regular_file import open_regular

_MOST_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFile:
    """The bytes of a file, and its stamp while they were read."""

    data: bytes
    stamp: FileStamp


def read_photo(path: str | bytes | os.PathLike[str]) -> PhotoFile:
    """A photo's file, read whole.

    Raises:
        PhotoError: the file cannot be read, is no regular file, is larger than 512 MiB, or was written while
            it was read.
    """
    try:
        with open_regular(path) as file:
            before = os.fstat(file.fileno())
            if before.st_size > _MOST_BYTES:
                raise photo_error(Reason.TOO_LARGE, f"{before.st_size} bytes, at most {_MOST_BYTES} are read")
            read_ns = time.time_ns()
            data = file.read(_MOST_BYTES + 1)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise photo_error(Reason.UNREADABLE, error.strerror or str(error)) from None
    stamp = FileStamp.of(after, read_ns)
    if stamp != FileStamp.of(before, read_ns) or len(data) != stamp.size:
        raise photo_error(Reason.CHANGING, "the file was written while it was read; index it when it is done")
    return PhotoFile(data, stamp)


def identify_path(path: bytes) -> str:
    """What stands for the SHA-256 of a file's bytes where they cannot be read."""
    return hashlib.sha256(path).hexdigest()


def is_gone(path: bytes) -> bool:
    """Whether there is surely nothing at a path: who may not look there does not know."""
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR)
    return False


def is_replaced(path: bytes) -> bool:
    """Whether what cannot be read is surely no photo any more: nothing, a folder, a pipe, far too large."""
    try:
        status = os.stat(path)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
    return not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES
