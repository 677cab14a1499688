"""The files that could not be indexed. Reads shards; writes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from retrieval.store.manifest import Manifest
from retrieval.store.schema import FAILURE_COLUMNS, PhotoRow, Status
from retrieval.store.shards import keep_failure_time, read_rows


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
    newest: dict[str, PhotoRow] = {}
    for shard in manifest.shards:
        for row in read_rows(index, shard, FAILURE_COLUMNS):
            newest[row.image_id] = keep_failure_time(row, shard)
    failed = [row for row in newest.values() if row.status is Status.FAILED]
    return sorted(
        (failure for row in failed for failure in _to_failures(row)), key=lambda failure: failure.path
    )


def _to_failures(row: PhotoRow) -> Iterator[Failure]:
    code, _, reason = (row.reason or "").partition(": ")
    when = row.failed_at.replace(tzinfo=UTC).isoformat() if row.failed_at else ""
    for path in row.paths:
        yield Failure(path, code, reason, when)
