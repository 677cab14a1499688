"""A folder's files as one run of bytes, and back. Writes only folders that are gone a moment later."""

import io
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Where Linux keeps files in memory.
_MEMORY = Path("/dev/shm")
_REMOVALS = 100


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """An uncompressed tar; the same files give the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            archive.addfile(entry, io.BytesIO(files[name]))
    return packed.getvalue()


def unpack_files(data: bytes) -> dict[str, bytes]:
    """The inverse of `pack_files`.

    Raises:
        tarfile.TarError: `data` is no tar of plain files.
    """
    files = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            if file is None or Path(entry.name).name != entry.name:
                raise tarfile.TarError(f"found {entry.name!r}, expected plain files")
            files[entry.name] = file.read()
    return files


@contextmanager
def open_scratch_folder(size: int) -> Iterator[Path]:
    """An empty folder for about `size` bytes, removed in the end: in memory where there is room for it."""
    folder = Path(tempfile.mkdtemp(prefix="retrieve-", dir=_find_memory(size)))
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    # A thread of tantivy's that is about to end may still write a file while the others are removed.
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.01)


def _find_memory(size: int) -> Path | None:
    """None is the system's place for temporary files."""
    try:
        roomy = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 2 * size
    except OSError:
        return None
    return _MEMORY if roomy else None
