"""The files that could not be indexed. Reads shards; writes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import numpy as np
import pyarrow as pa

from retrieval.store.manifest import Manifest
from retrieval.store.schema import FAILURE_COLUMNS, PhotoRow, Status, table_to_rows
from retrieval.store.shards import keep_failure_time, newest_with_status, read_columns, split_positions


@dataclass(frozen=True, slots=True)
class Failure:
    """A file or folder that is not indexed: `code` is one word, `when` an ISO 8601 time, empty if unknown."""

    path: bytes
    code: str
    reason: str
    when: str


def list_failures(index: Path, manifest: Manifest) -> list[Failure]:
    """Every file that the index knows and could not read, by path.

    Raises:
        IndexFormatError: a shard is missing or damaged.
    """
    table = read_columns(index, manifest.shards, FAILURE_COLUMNS)
    failed_N = np.sort(newest_with_status(table, Status.FAILED))
    rows = table_to_rows(table.take(pa.array(failed_N)))
    failures = [
        failure
        for shard, where, _ in split_positions(manifest.shards, failed_N)
        for row in rows[where]
        for failure in _to_failures(keep_failure_time(row, shard))
    ]
    return sorted(failures, key=lambda failure: failure.path)


def _to_failures(row: PhotoRow) -> Iterator[Failure]:
    code, _, reason = (row.reason or "").partition(": ")
    when = row.failed_at.replace(tzinfo=UTC).isoformat() if row.failed_at else ""
    for path in row.paths:
        yield Failure(path, code, reason, when)
