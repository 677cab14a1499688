"""A vector channel's vectors, as the shards hold them and as they are searched. Writes nothing.

Captions are searched where photos are, in the image head's space: what two sentences say of a photo counts
there, more than how they say it. On Flickr8k's validation split Recall@1 / 5 / 10 of the caption channel
went from 13.5 / 34.8 / 46.6 to 15.6 / 39.9 / 52.4 that way (earlier models; RESULTS.md). The shards keep
sentence vectors.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from retrieval.channel import Channel
from retrieval.store.manifest import HeadRecord, Manifest
from retrieval.store.schema import VECTOR_COLUMNS
from retrieval.store.shards import read_shard, split_positions
from retrieval.text.text_head import TextHead, read_text_head

# Vectors that go through the head at once, in whatever shards they are: it decides their last bits.
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
    vectors_VD, has_vector_N = _gather(index, manifest, channel, stored, len(searchable_N))
    return vectors_VD, searchable_N if has_vector_N.all() else searchable_N[has_vector_N]


def take_channel_vectors(
    index: Path, manifest: Manifest, channel: Channel, rows: pa.Table
) -> tuple[np.ndarray, np.ndarray]:
    """(vectors float32 (V, D), bool (R,)) of rows that were read from shards, and which have one.

    Raises:
        IndexFormatError: the text head is missing or damaged.
    """
    stored = [(slice(None), rows[VECTOR_COLUMNS[channel]].combine_chunks())]
    return _gather(index, manifest, channel, stored, len(rows))


def _gather(
    index: Path, manifest: Manifest, channel: Channel, columns: Iterable[tuple[slice, pa.Array]], rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """(vectors float32 (V, D), bool (N,)) of N rows, which lie in parts of a column, and which have one.

    Beside the vectors there are no more than a part and a batch in memory.
    """
    head = _read_head(index, manifest, channel)
    dimension = vector_dimensions(manifest)[channel]
    stored = dimension if head is None else manifest.caption_dimension
    vectors_ND = np.empty((rows, dimension), dtype=np.float32)
    has_vector_N = np.zeros(rows, dtype=bool)

    def list_stored() -> Iterator[np.ndarray]:
        for where, column in columns:
            has_vector_N[where] = column.is_valid().to_numpy(zero_copy_only=False)
            yield column.drop_null().flatten().to_numpy().reshape(-1, stored)

    found = 0
    for some_BT in _batch(list_stored(), stored):
        there = slice(found, found + len(some_BT))
        vectors_ND[there] = some_BT if head is None else head.project(some_BT)
        found = there.stop
    return vectors_ND[:found], has_vector_N


def _read_head(index: Path, manifest: Manifest, channel: Channel) -> TextHead | None:
    """What leads vectors to where they are searched; None where they are stored as they are searched."""
    record = manifest.image_head
    if channel is Channel.IMAGE or not isinstance(record, HeadRecord):
        return None
    return read_text_head(index, record)


def _batch(parts: Iterable[np.ndarray], dimension: int) -> Iterator[np.ndarray]:
    """The same rows in the same order, a batch at once, in the place of the one before."""
    batch_BT, filled = np.empty((_BATCH, dimension), dtype=np.float32), 0
    for part in parts:
        while len(part):
            fits = min(_BATCH - filled, len(part))
            batch_BT[filled : filled + fits] = part[:fits]
            filled, part = filled + fits, part[fits:]
            if filled == _BATCH:
                yield batch_BT
                filled = 0
    if filled:
        yield batch_BT[:filled]
