"""The caption channel's vectors as the shards hold them. Reads shards; writes nothing."""

from pathlib import Path

import numpy as np

from retrieval.manifest import Manifest
from retrieval.shards import read_shard


def read_caption_vectors(index: Path, manifest: Manifest, positions_N: np.ndarray) -> np.ndarray:
    """The vectors, float32 (N, D), of the rows at these positions (ascending).

    Raises:
        IndexFormatError: a shard is missing or damaged.
    """
    vectors_ND = np.empty((len(positions_N), manifest.caption_dimension), dtype=np.float32)
    start = done = 0
    for shard in manifest.shards:
        end = done + int(np.searchsorted(positions_N[done:], start + shard.rows))
        if end > done:
            column = read_shard(index, shard, ["caption_vector"])["caption_vector"].combine_chunks()
            chosen = column.take(positions_N[done:end] - start)
            vectors_ND[done:end] = chosen.flatten().to_numpy().reshape(vectors_ND[done:end].shape)
        start, done = start + shard.rows, end
    return vectors_ND
