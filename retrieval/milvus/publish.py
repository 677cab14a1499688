"""A generation's vectors and words, sent to a Milvus. Reads shards; writes a Milvus.

All of it is written beside what is published there, seen to be whole, and then published in one step.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.channel import Channel
from retrieval.channels.channel_vectors import read_channel_vectors, vector_dimensions
from retrieval.channels.lexical_file import read_texts
from retrieval.milvus.address import MilvusAddress
from retrieval.milvus.connection import Connection
from retrieval.milvus.milvus_vectors import fill_vectors
from retrieval.milvus.milvus_words import fill_words
from retrieval.milvus.publication import (
    VECTOR_PARTS,
    Part,
    Publication,
    find_current,
    fingerprint,
    list_publications,
    make_current,
    remove_publications,
    withdraw,
)
from retrieval.progress import Progress, no_progress
from retrieval.store.manifest import Manifest, read_whole
from retrieval.store.schema import Status
from retrieval.store.shards import newest_with_status, read_statuses

# Of these vectors some hundred megabytes are in memory at once.
_VECTORS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What was published: where, under which name, which generation, and its photos that can be found."""

    uri: str
    name: str
    generation: int
    photos: int


def publish_index(index: Path, address: MilvusAddress, progress: Progress = no_progress) -> PublishReport:
    """Publish the current generation of an index; a search of it finds the whole of it from then on.

    Where this fails, what was published before stays as it was; where it is interrupted at its very end, the
    new one may be published already. A search finds one of both, whole.

    Raises:
        IndexNotFoundError, IndexFormatError: no index there, or it is damaged.
        MilvusError: Milvus does not answer, or went away meanwhile.
        InstallationError: a package is missing.
    """
    milvus = Connection(address)
    try:
        return read_whole(index, lambda manifest: _publish(index, manifest, milvus, progress))
    finally:
        milvus.close()


def _publish(index: Path, manifest: Manifest, milvus: Connection, progress: Progress) -> PublishReport:
    # Before anything is sent, as it refuses a name that is that of something else.
    find_current(milvus)
    before = list_publications(milvus)
    name = milvus.address.name
    publication = Publication(name, manifest.generation, fingerprint(manifest), secrets.token_hex(4))
    searchable_N = np.sort(newest_with_status(read_statuses(index, manifest), Status.INDEXED))
    source = _Source(index, manifest, searchable_N, progress)
    try:
        _fill(source, milvus, publication)
        former = find_current(milvus)
    except BaseException:
        withdraw(milvus, publication)
        raise
    # Milvus may have made a change that failed here: what was written stays from now on.
    make_current(milvus, publication, former)
    # Who still searches the former one goes on, and so does a run that began after this one.
    remove_publications(milvus, before - {former})
    return PublishReport(milvus.address.uri, name, manifest.generation, len(searchable_N))


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """What is to be sent: the rows at these positions, ascending."""

    index: Path
    manifest: Manifest
    searchable_N: np.ndarray
    progress: Progress

    def read_vectors(self, channel: Channel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of (vectors, positions) of those that have one in this channel."""
        total = len(self.searchable_N)
        for start in range(0, total, _VECTORS_AT_ONCE):
            self.progress(f"{channel} vectors", start, total)
            some_N = self.searchable_N[start : start + _VECTORS_AT_ONCE]
            yield read_channel_vectors(self.index, self.manifest, channel, some_N)
        self.progress(f"{channel} vectors", total, total)

    def read_texts(self) -> Iterator[tuple[int, list[str]]]:
        """(position, texts) of every photo."""
        total = len(self.searchable_N)
        texts = read_texts(self.index, self.manifest, self.searchable_N)
        for done, each in enumerate(zip(self.searchable_N.tolist(), texts, strict=True)):
            self.progress("words", done, total)
            yield each
        self.progress("words", total, total)


def _fill(source: _Source, milvus: Connection, publication: Publication) -> None:
    for channel, dimension in vector_dimensions(source.manifest).items():
        collection = publication.collection(VECTOR_PARTS[channel])
        fill_vectors(milvus, collection, dimension, source.read_vectors(channel))
    words, stems = publication.collection(Part.WORDS), publication.collection(Part.STEMS)
    fill_words(milvus, words, stems, source.read_texts)
