"""What an index says of each photo now."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from retrieval.store.manifest import Manifest, read_manifest
from retrieval.store.schema import PhotoRow, Status
from retrieval.store.shards import newest_with_status, read_rows, read_statuses, split_positions


def iterate_live_rows(index: Path, manifest: Manifest) -> Iterator[tuple[int, PhotoRow]]:
    """(position, row) of every photo that is not deleted, by position."""
    statuses = read_statuses(index, manifest)
    live_N = np.sort(newest_with_status(statuses, Status.INDEXED, Status.FAILED))
    for shard, where, numbers_R in split_positions(manifest.shards, live_N):
        rows = read_rows(index, shard)
        for position, number in zip(live_N[where].tolist(), numbers_R.tolist(), strict=True):
            yield position, rows[number]


def rows_of(index: Path) -> dict[str, PhotoRow]:
    """The rows of its newest generation by their contents, of which each has one."""
    rows = [row for _, row in iterate_live_rows(index, read_manifest(index))]
    found = {row.image_id: row for row in rows}
    assert len(found) == len(rows)
    return found
