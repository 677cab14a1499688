"""What an index says of each photo now."""

from pathlib import Path

from retrieval.store.manifest import read_manifest
from retrieval.store.schema import PhotoRow
from retrieval.store.shards import iterate_live_rows


def rows_of(index: Path) -> dict[str, PhotoRow]:
    """The rows of its newest generation by their contents, of which each has one."""
    rows = [row for _, row in iterate_live_rows(index, read_manifest(index))]
    found = {row.image_id: row for row in rows}
    assert len(found) == len(rows)
    return found
