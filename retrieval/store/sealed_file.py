"""A file whose first line is the SHA-256 of the rest. Reads and writes whatever path it is given."""

from pathlib import Path

from retrieval.errors import IndexFormatError
from retrieval.store.files import hash_bytes, write_file


def write_sealed(path: Path, data: bytes) -> None:
    """Write `data` under its checksum, as a whole (see `write_file`)."""
    write_file(path, hash_bytes(data).encode() + b"\n" + data)


def read_sealed(path: Path) -> bytes:
    """What `write_sealed` was given.

    Raises:
        OSError: the file is missing or cannot be read.
        IndexFormatError: it is damaged.
    """
    checksum, _, data = path.read_bytes().partition(b"\n")
    if checksum != hash_bytes(data).encode():
        raise IndexFormatError(f"{path} is damaged: its checksum is not that of its bytes")
    return data
