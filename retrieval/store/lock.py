"""The one writer of an index. Writes INDEX/LOCK: the number of the process that holds it."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from retrieval.errors import IndexBusyError, RetrievalError
from retrieval.printable import make_printable
from retrieval.store.files import make_folder

_held: set[int] = set()

# What a disk of a network answers that has no locks, or none for this machine.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextmanager
def writer_lock(index: Path) -> Iterator[None]:
    """Hold the index for writing; the folder is made where it is missing.

    The lock is the kernel's (flock), so that one left by a dead process does not block.

    Raises:
        IndexBusyError: another writer holds the index; said at once, without waiting.
        RetrievalError: on this disk files cannot be locked.
    """
    make_folder(index)
    path = index / "LOCK"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _take(descriptor, path)
        _held.add(descriptor)
        try:
            yield
        finally:
            _held.discard(descriptor)
            os.ftruncate(descriptor, 0)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def require_no_writer(index: Path) -> None:
    """Refuse at once what would be refused later; it writes nothing, and holds nothing when it returns.

    Raises:
        IndexBusyError, RetrievalError: as `writer_lock`.
    """
    path = index / "LOCK"
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        # Who writes has its number there. Where there is none, to lock it would for a moment refuse a writer.
        if os.pread(descriptor, 1, 0):
            # Shared, so that two that look at the same time do not refuse each other.
            _lock(descriptor, path, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    _lock(descriptor, path, fcntl.LOCK_EX)
    os.ftruncate(descriptor, 0)
    # Without the number others are refused all the same, some of them later: a full disk, which a run may
    # free, has no place for it.
    with suppress(OSError):
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _lock(descriptor: int, path: Path, how: int) -> None:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        who = f"process {holder}" if holder else "another process"
        raise IndexBusyError(
            f"the index {path.parent} is being written by {who}, expected no other writer; wait for it to end"
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise RetrievalError(
            f"found {make_printable(str(path))} on a disk that locks no files ({error.strerror}), expected "
            "one that does; name an index on one of this machine's own disks"
        ) from None


def _close_in_child() -> None:
    # A forked worker that outlives a killed writer must not keep the index locked.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)
