"""Files written so that a power cut loses nothing that was acknowledged, and their hashes.

Reads and writes whatever path it is given. The order is always: bytes under a temporary name in the same
folder, fsync of the file, rename, fsync of the folder.
"""

import errno
import hashlib
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from retrieval.errors import IndexFormatError, RetrievalError, UnreadableError, UsageError

# Not there, something else in its place, on a part of the disk that is broken, or read and no Parquet.
_LOST = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EIO, None)


def hash_bytes(data: bytes | mmap.mmap) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def hash_file(path: str | Path) -> str:
    """SHA-256 of the file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_verified(path: Path, sha256: str) -> bytes:
    """The bytes of an index file whose SHA-256 is known.

    Raises:
        IndexFormatError: the file is missing or its hash is another.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise IndexFormatError(
            f"found no {path}, expected it as a part of the index; run `retrieve repair`, restore it "
            "or index again"
        ) from None
    found = hash_bytes(data)
    if found != sha256:
        raise IndexFormatError(
            f"{path} is damaged: found SHA-256 {found}, expected {sha256}; run `retrieve repair`, restore it "
            "or index again"
        )
    return data


def map_verified(path: Path, sha256: str) -> bytes | mmap.mmap:
    """As `read_verified`, but mapped into memory: what is not looked at again takes none.

    Files of an index are never written to again, only replaced.
    """
    try:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, ValueError):
        # Missing, or empty and so not to be mapped.
        return read_verified(path, sha256)
    return data if hash_bytes(data) == sha256 else read_verified(path, sha256)


def require_lost(path: Path, error: OSError) -> None:
    """Refuse to take an index file for lost that may be read another time.

    Raises:
        UnreadableError: it may, as the `error` with which reading it failed says.
    """
    if error.errno not in _LOST:
        raise UnreadableError(
            f"found {path}, which cannot be read ({error.strerror}), expected to see whether it is damaged; "
            "connect its disk, or see to its permissions, and try again"
        ) from None


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """The name under which the block writes what appears, whole, as `path` when it ends without an error."""
    with _temporary_path(path) as temporary:
        yield temporary
        publish_file(temporary, path)


@contextmanager
def _temporary_path(path: Path) -> Iterator[Path]:
    """A name in the folder of `path`; what lies there is gone where the block ends with an error."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_file(path: Path, data: bytes) -> None:
    """Write `data` to `path` as a whole: after a crash the old file or the new one is there, never a part.

    Raises:
        OSError: the disk is full or the folder cannot be written; `path` is then unchanged.
    """
    with write_aside(path) as temporary:
        temporary.write_bytes(data)


def require_place(path: Path, what: str) -> None:
    """Refuse a name that `write_named` cannot write to, before there is anything to write.

    Raises:
        UsageError: there is no such folder, or the path is one.
    """
    if os.path.isdir(path):
        raise UsageError(f"cannot write {what} to {path}, expected no folder there; name a file in it")
    try:
        os.stat(os.path.join(path.parent, ""))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _refuse_place(path, what, error) from None
    except OSError:
        # Whoever writes says what keeps it from that.
        return


def _refuse_place(path: Path, what: str, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write {what} to {path} ({error.strerror}), expected a folder to write to; name a file "
        "elsewhere"
    )


def write_named(path: Path, data: bytes, what: str) -> None:
    """As `write_file`, where a person said that `what` is to be written, such as "the picture".

    Raises:
        UsageError: there is no such folder, or the path is one.
        RetrievalError: the disk is full, or the folder cannot be written.
    """
    require_place(path, what)
    try:
        write_file(path, data)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _refuse_place(path, what, error) from None
    except OSError as error:
        raise RetrievalError(
            f"cannot write {what} to {path} ({error.strerror}), expected a disk that can be written and has "
            "space for it; free some space or name a file elsewhere"
        ) from None


def write_hashed(
    folder: Path, suffix: str, write: Callable[[Callable[[bytes], object]], object]
) -> tuple[str, int]:
    """Write the parts that `write` hands over to FOLDER/<sha256>SUFFIX, as a whole; returns hash and bytes.

    Raises:
        OSError: as `write_file`.
    """
    make_folder(folder)
    digest = hashlib.sha256()
    with _temporary_path(folder / f"new{suffix}") as temporary:
        with open(temporary, "wb") as file:

            def put(data: bytes) -> None:
                file.write(data)
                digest.update(data)

            write(put)
            size = file.tell()
        publish_file(temporary, folder / f"{digest.hexdigest()}{suffix}")
    return digest.hexdigest(), size


def publish_file(temporary: Path, path: Path) -> None:
    """Make a finished `temporary` file durable and rename it to `path` in the same folder."""
    _sync(temporary)
    os.replace(temporary, path)
    _sync(path.parent)


def make_folder(path: Path) -> None:
    """Create `path` and its missing parents, each entry durable in the folder above it."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_folder(path.parent)
    path.mkdir(exist_ok=True)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
