"""A vector channel's vectors, as the shards hold them and as they are searched. Writes nothing.

Captions are searched where photos are, in the image head's space: what two sentences say of a photo counts
there, more than how they say it. On Flickr8k's validation split Recall@1 / 5 / 10 of the caption channel go
from 13.5 / 34.8 / 46.6 to 15.6 / 39.9 / 52.4 that way. The shards keep sentence vectors.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from retrieval.channels.channel import Channel
from retrieval.store.manifest import HeadRecord, Manifest
from retrieval.store.schema import VECTOR_COLUMNS
from retrieval.store.shards import read_shard, split_positions
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
    name = VECTOR_COLUMNS[channel]
    stored = (
        (where, read_shard(index, shard, [name])[name].combine_chunks().take(numbers_R))
        for shard, where, numbers_R in split_positions(manifest.shards, searchable_N)
    )
    vectors_VT, has_vector_N = _gather(stored, len(searchable_N), _stored_dimension(manifest, channel))
    positions_V = searchable_N if has_vector_N.all() else searchable_N[has_vector_N]
    return _bring_there(index, manifest, channel, vectors_VT), positions_V


def take_channel_vectors(
    index: Path, manifest: Manifest, channel: Channel, rows: pa.Table
) -> tuple[np.ndarray, np.ndarray]:
    """(vectors float32 (V, D), bool (R,)) of rows that were read from shards, and which have one.

    Raises:
        IndexFormatError: the text head is missing or damaged.
    """
    stored = [(slice(None), rows[VECTOR_COLUMNS[channel]].combine_chunks())]
    vectors_VT, has_vector_R = _gather(stored, len(rows), _stored_dimension(manifest, channel))
    return _bring_there(index, manifest, channel, vectors_VT), has_vector_R


def _stored_dimension(manifest: Manifest, channel: Channel) -> int:
    return manifest.caption_dimension if channel is Channel.CAPTION else vector_dimensions(manifest)[channel]


def _gather(
    columns: Iterable[tuple[slice, pa.Array]], rows: int, dimension: int
) -> tuple[np.ndarray, np.ndarray]:
    """(the vectors that there are, bool whether each row has one) of parts of a column."""
    vectors_ND = np.empty((rows, dimension), dtype=np.float32)
    has_vector_N = np.zeros(rows, dtype=bool)
    for where, column in columns:
        has_vector_N[where] = column.is_valid().to_numpy(zero_copy_only=False)
        there = column.drop_null().flatten().to_numpy()
        vectors_ND[where][has_vector_N[where]] = there.reshape(-1, dimension)
    return vectors_ND if has_vector_N.all() else vectors_ND[has_vector_N], has_vector_N


def _bring_there(index: Path, manifest: Manifest, channel: Channel, stored_VT: np.ndarray) -> np.ndarray:
    """The vectors where they are searched."""
    record = manifest.image_head
    if channel is Channel.IMAGE or not isinstance(record, HeadRecord):
        return stored_VT
    head = read_text_head(index, record)
    projected_VE = np.empty((len(stored_VT), record.dimension), dtype=np.float32)
    for start in range(0, len(stored_VT), _BATCH):
        batch = slice(start, start + _BATCH)
        projected_VE[batch] = head.project(stored_VT[batch])
    return projected_VE
