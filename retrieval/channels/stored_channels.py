"""The channels of a generation, from its files. Reads vectors, words, and the shards newer than these.

Shapes: R recent rows, those of photos that the vectors' and words' files do not know.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from retrieval.channel import Channel
from retrieval.channels.channel_vectors import take_channel_vectors
from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.layered_vectors import LayeredVectors
from retrieval.channels.lexical_file import list_texts, read_words
from retrieval.channels.searcher import LexicalSearcher, Searcher, VectorSearcher
from retrieval.channels.vector_index import VectorIndex, read_vectors
from retrieval.device import Device
from retrieval.errors import IndexFormatError
from retrieval.store.manifest import Manifest, VectorsRecord
from retrieval.store.photo_table import PhotoTable
from retrieval.store.schema import VECTOR_COLUMNS, WORD_COLUMNS, table_to_rows
from retrieval.store.shards import read_columns
from retrieval.text.queries import QueryEncoder


def open_stored(
    index: Path, manifest: Manifest, photos: PhotoTable, image: QueryEncoder | None, place: Device
) -> dict[Channel, Searcher]:
    """The channels of this generation, answering with the photos' numbers.

    Raises:
        IndexFormatError: a file is missing or damaged, or what it holds is not what the shards do.
    """
    opening = _Opening(index, manifest, photos, *_read_recent(index, manifest, photos))
    channels: dict[Channel, Searcher] = {}
    for record in manifest.vectors:
        channel = Channel(record.channel)
        through = image if channel is Channel.IMAGE or record.in_image_space else None
        channels[channel] = VectorSearcher(opening.open_vectors(record, place), through)
    if Channel.CAPTION not in channels:
        if len(photos):
            raise IndexFormatError(f"found no caption vectors in {index}, expected some; index again")
        empty_ND = np.zeros((0, manifest.caption_dimension), dtype=np.float32)
        channels[Channel.CAPTION] = VectorSearcher(FlatIndex.build(empty_ND, np.zeros(0, dtype=np.int64)))
    if manifest.lexical is not None:
        texts = [list_texts(row) for row in table_to_rows(opening.recent.select(WORD_COLUMNS))]
        words = read_words(index, manifest.lexical, texts, opening.recent_R)
        numbered = words.with_ids(photos.number(words.ids, some_are_gone=opening.is_layered))
        channels[Channel.LEXICAL] = LexicalSearcher(numbered)
    return channels


@dataclass(frozen=True, slots=True, eq=False)
class _Opening:
    """What channels are made of: the positions of recent rows, ascending, and what these rows hold."""

    index: Path
    manifest: Manifest
    photos: PhotoTable
    recent_R: np.ndarray
    recent: pa.Table

    @property
    def is_layered(self) -> bool:
        return bool(self.manifest.recent_shards)

    def open_vectors(self, record: VectorsRecord, place: Device) -> VectorIndex:
        vectors = read_vectors(self.index, record, place)
        numbers_N = self.photos.number(vectors.ids, some_are_gone=self.is_layered)
        if not self.is_layered:
            return vectors.with_ids(numbers_N)
        recent_VD, has_vector_R = take_channel_vectors(
            self.index, self.manifest, Channel(record.channel), self.recent
        )
        recent = FlatIndex.build(recent_VD, self.photos.number(self.recent_R[has_vector_R]))
        return LayeredVectors(vectors, numbers_N, recent, len(self.photos))


def _read_recent(index: Path, manifest: Manifest, photos: PhotoTable) -> tuple[np.ndarray, pa.Table]:
    """The positions of recent rows, ascending, and what of them can be found."""
    recent_R = np.sort(photos.positions_P[photos.positions_P >= manifest.derived_rows])
    vectors = [VECTOR_COLUMNS[Channel(record.channel)] for record in manifest.vectors]
    rows = read_columns(index, manifest.recent_shards, [*WORD_COLUMNS, *vectors])
    return recent_R, rows.take(recent_R - manifest.derived_rows)
