"""A vector channel's vectors as the shards hold them. Reads shards; writes nothing."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from retrieval.channel import Channel
from retrieval.manifest import Manifest
from retrieval.schema import VECTOR_COLUMNS, Status
from retrieval.shards import live_positions, read_shard


def vector_dimensions(manifest: Manifest) -> dict[Channel, int]:
    """The vector channels of an index, and the length of their vectors."""
    dimensions = {Channel.CAPTION: manifest.caption_dimension}
    if manifest.image_head is not None:
        dimensions[Channel.IMAGE] = manifest.image_head.dimension
    return dimensions


def read_channel_vectors(index: Path, manifest: Manifest, channel: Channel) -> tuple[np.ndarray, np.ndarray]:
    """(vectors float32 (N, D), positions int64 (N,)) of every searchable photo that has one, by position.

    Raises:
        IndexFormatError: a shard is missing or damaged.
    """
    name, dimension = VECTOR_COLUMNS[channel], vector_dimensions(manifest)[channel]
    live = set(live_positions(index, manifest).values())
    vectors = [np.zeros((0, dimension), dtype=np.float32)]
    positions = [np.zeros(0, dtype=np.int64)]
    start = 0
    for shard in manifest.shards:
        table = read_shard(index, shard, ["status", name])
        column = table[name].combine_chunks()
        has_vector = pc.is_valid(column).to_pylist()
        rows = _indexed_rows(table["status"].to_pylist(), has_vector, start, live)
        vectors.append(column.take(rows).flatten().to_numpy().reshape(len(rows), dimension))
        positions.append(rows + start)
        start += shard.rows
    return np.concatenate(vectors), np.concatenate(positions)


def _indexed_rows(
    statuses: list[str], has_vector: list[bool], start: int, live: Collection[int]
) -> np.ndarray:
    rows = [
        row
        for row, (status, vector) in enumerate(zip(statuses, has_vector, strict=True))
        if status == Status.INDEXED and vector and start + row in live
    ]
    return np.array(rows, dtype=np.int64)
