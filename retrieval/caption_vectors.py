"""The caption channel's vectors as the shards hold them. Reads shards; writes nothing."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from retrieval.manifest import Manifest
from retrieval.schema import Status
from retrieval.shards import live_positions, read_shard


def read_caption_vectors(index: Path, manifest: Manifest) -> tuple[np.ndarray, np.ndarray]:
    """(vectors float32 (N, D), positions int64 (N,)) of every searchable photo, by position.

    Raises:
        IndexFormatError: a shard is missing or damaged.
    """
    live = set(live_positions(index, manifest).values())
    vectors = [np.zeros((0, manifest.caption_dimension), dtype=np.float32)]
    positions = [np.zeros(0, dtype=np.int64)]
    start = 0
    for shard in manifest.shards:
        table = read_shard(index, shard, ["status", "caption_vector"])
        rows = _indexed_rows(table["status"].to_pylist(), start, live)
        column = table["caption_vector"].combine_chunks().take(rows)
        vectors.append(column.flatten().to_numpy().reshape(len(rows), manifest.caption_dimension))
        positions.append(rows + start)
        start += shard.rows
    return np.concatenate(vectors), np.concatenate(positions)


def _indexed_rows(statuses: list[str], start: int, live: Collection[int]) -> np.ndarray:
    rows = [row for row, status in enumerate(statuses) if status == Status.INDEXED and start + row in live]
    return np.array(rows, dtype=np.int64)
