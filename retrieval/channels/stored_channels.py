"""The channels of a generation, from its files. Reads vectors, words, and the shards newer than these."""

from pathlib import Path

import numpy as np

from retrieval.channels.channel import Channel
from retrieval.channels.channel_vectors import read_channel_vectors
from retrieval.channels.layered_vectors import LayeredVectors
from retrieval.channels.lexical_file import read_words
from retrieval.channels.searcher import LexicalSearcher, Searcher, VectorSearcher
from retrieval.channels.vector_index import FlatIndex, VectorIndex, read_vectors
from retrieval.device import Device
from retrieval.errors import IndexFormatError
from retrieval.store.manifest import Manifest, VectorsRecord
from retrieval.store.photo_table import PhotoTable
from retrieval.text.queries import QueryEncoder


def open_stored(
    index: Path, manifest: Manifest, photos: PhotoTable, image: QueryEncoder | None, place: Device
) -> dict[Channel, Searcher]:
    """The channels of this generation, answering with the photos' numbers.

    Raises:
        IndexFormatError: a file is missing or damaged, or what it holds is not what the shards do.
    """
    channels: dict[Channel, Searcher] = {}
    for record in manifest.vectors:
        channel = Channel(record.channel)
        through = image if channel is Channel.IMAGE or record.in_image_space else None
        channels[channel] = VectorSearcher(_open_vectors(index, manifest, record, photos, place), through)
    if Channel.CAPTION not in channels:
        if len(photos):
            raise IndexFormatError(f"found no caption vectors in {index}, expected some; index again")
        empty_ND = np.zeros((0, manifest.caption_dimension), dtype=np.float32)
        channels[Channel.CAPTION] = VectorSearcher(FlatIndex.build(empty_ND, np.zeros(0, dtype=np.int64)))
    if manifest.lexical is not None:
        words = read_words(index, manifest, _find_recent(manifest, photos))
        numbered = words.with_ids(photos.number(words.ids, bool(manifest.recent_rows)))
        channels[Channel.LEXICAL] = LexicalSearcher(numbered)
    return channels


def _open_vectors(
    index: Path, manifest: Manifest, record: VectorsRecord, photos: PhotoTable, place: Device
) -> VectorIndex:
    vectors = read_vectors(index, record, place)
    if not manifest.recent_rows:
        return vectors.with_ids(photos.number(vectors.ids))
    numbers_N = photos.number(vectors.ids, some_are_gone=True)
    recent_ND, positions_N = read_channel_vectors(
        index, manifest, Channel(record.channel), _find_recent(manifest, photos)
    )
    recent = FlatIndex.build(recent_ND, photos.number(positions_N))
    return LayeredVectors(vectors, numbers_N, recent, len(photos))


def _find_recent(manifest: Manifest, photos: PhotoTable) -> np.ndarray:
    """The positions of the photos' rows that the derived files do not know, ascending."""
    return np.sort(photos.positions_P[photos.positions_P >= manifest.derived_rows])
