"""A vector channel's vectors as the shards hold them. Reads shards; writes nothing."""

from pathlib import Path

import numpy as np

from retrieval.channels.channel import Channel
from retrieval.store.manifest import Manifest
from retrieval.store.schema import VECTOR_COLUMNS
from retrieval.store.shards import read_shard


def vector_dimensions(manifest: Manifest) -> dict[Channel, int]:
    """The vector channels of an index, and the length of their vectors."""
    dimensions = {Channel.CAPTION: manifest.caption_dimension}
    if manifest.image_head is not None:
        dimensions[Channel.IMAGE] = manifest.image_head.dimension
    return dimensions


def read_channel_vectors(
    index: Path, manifest: Manifest, channel: Channel, searchable_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(vectors float32 (V, D), positions int64 (V,)) of those of the rows at `searchable_N` that have one.

    `searchable_N` are positions, ascending, and so are those that are returned.

    Raises:
        IndexFormatError: a shard is missing or damaged.
    """
    name, dimension = VECTOR_COLUMNS[channel], vector_dimensions(manifest)[channel]
    vectors_ND = np.empty((len(searchable_N), dimension), dtype=np.float32)
    has_vector_N = np.zeros(len(searchable_N), dtype=bool)
    start = done = 0
    for shard in manifest.shards:
        end = done + int(np.searchsorted(searchable_N[done:], start + shard.rows))
        if end > done:
            column = read_shard(index, shard, [name])[name].combine_chunks()
            chosen = column.take(searchable_N[done:end] - start)
            has_vector_N[done:end] = chosen.is_valid().to_numpy(zero_copy_only=False)
            there = chosen.drop_null().flatten().to_numpy()
            vectors_ND[done:end][has_vector_N[done:end]] = there.reshape(-1, dimension)
        start, done = start + shard.rows, end
    if has_vector_N.all():
        return vectors_ND, searchable_N
    return vectors_ND[has_vector_N], searchable_N[has_vector_N]
