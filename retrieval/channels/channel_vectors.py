"""A vector channel's vectors, as the shards hold them and as they are searched. Writes nothing.

Captions are searched where photos are, in the image head's space: what two sentences say of a photo counts
there, more than how they say it. On Flickr8k's validation split Recall@1 / 5 / 10 of the caption channel go
from 13.5 / 34.8 / 46.6 to 15.6 / 39.9 / 52.4 that way. The shards keep sentence vectors.
"""

from pathlib import Path

import numpy as np

from retrieval.channels.channel import Channel
from retrieval.store.manifest import HeadRecord, Manifest
from retrieval.store.schema import VECTOR_COLUMNS
from retrieval.store.shards import read_shard
from retrieval.text.text_head import read_text_head

# Vectors that go through the head at once.
_BATCH = 4096


def vector_dimensions(manifest: Manifest) -> dict[Channel, int]:
    """The vector channels of an index, and the length of their vectors as they are searched."""
    head = manifest.image_head
    if head is None:
        return {Channel.CAPTION: manifest.caption_dimension}
    caption = head.dimension if in_image_space(manifest, Channel.CAPTION) else manifest.caption_dimension
    return {Channel.CAPTION: caption, Channel.IMAGE: head.dimension}


def in_image_space(manifest: Manifest, channel: Channel) -> bool:
    """Whether a channel's vectors are searched in the space of the image channel.

    A text tower, unlike a head, leads there from sentences alone: captions then stay in their own space.
    """
    return channel is Channel.IMAGE or isinstance(manifest.image_head, HeadRecord)


def read_channel_vectors(
    index: Path, manifest: Manifest, channel: Channel, searchable_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(vectors float32 (V, D), positions int64 (V,)) of those of the rows at `searchable_N` that have one.

    The vectors are as they are searched. `searchable_N` are positions, ascending, and so are those that are
    returned.

    Raises:
        IndexFormatError: a shard or the text head is missing or damaged.
    """
    stored_VT, positions_V = _read_stored(index, manifest, channel, searchable_N)
    record = manifest.image_head
    if channel is Channel.IMAGE or not isinstance(record, HeadRecord):
        return stored_VT, positions_V
    head = read_text_head(index, record)
    projected_VE = np.empty((len(stored_VT), record.dimension), dtype=np.float32)
    for start in range(0, len(stored_VT), _BATCH):
        batch = slice(start, start + _BATCH)
        projected_VE[batch] = head.project(stored_VT[batch])
    return projected_VE, positions_V


def _read_stored(
    index: Path, manifest: Manifest, channel: Channel, searchable_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As `read_channel_vectors`, but as the shards hold them."""
    name, dimension = VECTOR_COLUMNS[channel], manifest.caption_dimension
    if channel is Channel.IMAGE:
        dimension = vector_dimensions(manifest)[channel]
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
