"""The photos' vectors as they are searched, for what exact search would find. Reads an index's shards."""

from pathlib import Path

import numpy as np

from retrieval.channel import Channel
from retrieval.channels.channel_vectors import read_channel_vectors
from retrieval.store.manifest import Manifest
from retrieval.store.schema import Status
from retrieval.store.shards import newest_with_status, read_statuses


def read_stored_vectors(index: Path, manifest: Manifest) -> dict[Channel, np.ndarray]:
    """Float32 (N, D) by channel, in order of `image_id`; channels in which every photo has a vector.

    `IndexFormatError` where a shard is missing or damaged.
    """
    positions_N = newest_with_status(read_statuses(index, manifest), Status.INDEXED)
    by_position_N = np.argsort(positions_N)
    found = {}
    for channel in (Channel(record.channel) for record in manifest.vectors):
        vectors_VD, _ = read_channel_vectors(index, manifest, channel, positions_N[by_position_N])
        if len(vectors_VD) == len(positions_N) > 0:
            found[channel] = vectors_VD[np.argsort(by_position_N)]
    return found
