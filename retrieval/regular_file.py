"""Files in whose place anything may lie by now. Opens them; reads and writes nothing."""

import os
import stat
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path

# A file that was changed this shortly before it was read may change again within one tick of its clock.
_SETTLED_NS = 2 * 10**9


def open_regular(path: str | bytes | os.PathLike[str]) -> BufferedReader:
    """The file, opened to be read; said at once, whatever lies there.

    Raises:
        OSError: there is none, it cannot be read, or what lies there is no regular file.
        ValueError: no file can have this path.
    """
    file = open(path, "rb", opener=_open_at_once)
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError("not a regular file")


def first_there(paths: Sequence[Path]) -> Path:
    """The first of these paths that leads to a file; where none does, the first."""
    return next(filter(os.path.isfile, paths), paths[0])


def is_settled(changed_ns: int, read_ns: int) -> bool:
    """Whether a file that changed then, by its own times, and was read then, would show a later change."""
    return changed_ns + _SETTLED_NS < read_ns


def _open_at_once(path: str, flags: int) -> int:
    # Without O_NONBLOCK, a pipe that took the file's place would hold up who opens it.
    return os.open(path, flags | os.O_NONBLOCK)
