"""Which content each file had when it was last read. Reads and writes INDEX/SEEN, which may be lost.

A file whose size and times of modification and change are as they were is not read again.
"""

import logging
import os
from pathlib import Path

import pyarrow as pa

from indexer.photo_files.file_stamp import FileStamp
from indexer.photo_files.scan import Scan
from retrieval.errors import IndexFormatError
from retrieval.store.sealed_file import read_sealed, write_sealed

logger = logging.getLogger(__name__)

_SCHEMA = pa.schema(
    [
        ("path", pa.binary()),
        ("image_id", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("ctime_ns", pa.int64()),
        ("read_ns", pa.int64()),
    ]
)


class SeenFiles:
    """Path → (content, stamp)."""

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[str, FileStamp]] = {}
        self._changed = False

    @classmethod
    def read(cls, index: Path) -> "SeenFiles":
        """What the last run saw; nothing where that is lost or damaged."""
        files = cls()
        try:
            table = pa.ipc.open_file(pa.BufferReader(read_sealed(_path(index)))).read_all()
            columns = [column.to_pylist() for column in table.select(_SCHEMA.names).columns]
        except FileNotFoundError:
            return files
        except (OSError, IndexFormatError, pa.ArrowException, KeyError) as error:
            logger.warning("all photos are read again: %s", error)
            return files
        for path, image_id, *stamp in zip(*columns, strict=True):
            files._seen[path] = (image_id, FileStamp(*stamp))
        return files

    def recall(self, path: bytes) -> str | None:
        """The content of a file that is unchanged since it was read; None where it must be read."""
        known = self._seen.get(path)
        if known is None:
            return None
        image_id, stamp = known
        try:
            return image_id if stamp.is_of(os.stat(path)) else None
        except OSError:
            return None

    def note(self, path: bytes, image_id: str, stamp: FileStamp) -> None:
        """Remember what was read."""
        self._seen[path] = (image_id, stamp)
        self._changed = True

    def forget_gone(self, scan: Scan) -> None:
        """Drop the files of which the scan knows that they are gone."""
        for path in [path for path in self._seen if path not in scan.found and scan.covers(path)]:
            del self._seen[path]
            self._changed = True

    def write(self, index: Path) -> None:
        """Keep what was seen for the next run. A disk that is full costs that run time, and no photo."""
        if not self._changed:
            return
        known = sorted(self._seen.items())
        columns: list[list[object]] = [
            [path for path, _ in known],
            [image_id for _, (image_id, _) in known],
            *([getattr(stamp, name) for _, (_, stamp) in known] for name in _SCHEMA.names[2:]),
        ]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, _SCHEMA) as writer:
            writer.write_table(pa.table(columns, schema=_SCHEMA))
        try:
            write_sealed(_path(index), sink.getvalue().to_pybytes())
        except OSError as error:
            logger.warning("the next run will read all photos again: %s", error)


def _path(index: Path) -> Path:
    return index / "SEEN"
