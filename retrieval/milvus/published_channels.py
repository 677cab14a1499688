"""The channels of a generation as they are published in a Milvus. Reads a Milvus."""

import numpy as np

from retrieval.channel import Channel
from retrieval.channels.channel_vectors import in_image_space, vector_dimensions
from retrieval.channels.searcher import LexicalSearcher, Searcher, VectorSearcher
from retrieval.errors import MilvusError
from retrieval.milvus.address import MilvusAddress
from retrieval.milvus.collection import load_collection
from retrieval.milvus.connection import Connection
from retrieval.milvus.milvus_vectors import MilvusVectors
from retrieval.milvus.milvus_words import MilvusWords
from retrieval.milvus.publication import (
    VECTOR_PARTS,
    Part,
    Publication,
    find_current,
    fingerprint,
    list_parts,
)
from retrieval.milvus.row_keys import KEY, RowKeys
from retrieval.store.manifest import Manifest
from retrieval.store.photo_table import PhotoTable
from retrieval.text.queries import QueryEncoder


def open_published(
    address: MilvusAddress, manifest: Manifest, photos: PhotoTable, image: QueryEncoder | None
) -> dict[Channel, Searcher]:
    """The channels of this generation and no other, answering with the photos' numbers.

    Raises:
        MilvusError: Milvus does not answer, or this generation is not published there.
        InstallationError: a package is missing.
    """
    if address.file is not None and not address.file.exists():
        raise MilvusError(f"found no file {address.file}, expected a published index; {_advise(address)}")
    milvus = Connection(address)
    try:
        return _open_channels(milvus, manifest, photos, image)
    except BaseException:
        milvus.close()
        raise


def _open_channels(
    milvus: Connection, manifest: Manifest, photos: PhotoTable, image: QueryEncoder | None
) -> dict[Channel, Searcher]:
    publication = _require_published(milvus, manifest)
    for part in list_parts(manifest):
        # Milvus Lite has forgotten it when it is opened again; a server where it was restarted, maybe.
        load_collection(milvus, publication.collection(part))
    everything = RowKeys(photos.positions_P, np.arange(len(photos)))
    counts = {Channel(record.channel): record.vectors for record in manifest.vectors}
    channels: dict[Channel, Searcher] = {}
    for channel, dimension in vector_dimensions(manifest).items():
        collection, rows = publication.collection(VECTOR_PARTS[channel]), everything
        if manifest.recent_rows or counts.get(channel) != len(photos):
            listed = milvus.list_rows(collection, f"{KEY} >= 0", [KEY])
            keys = np.array([row[KEY] for row in listed], dtype=np.int64)
            rows = RowKeys(keys, photos.number(keys))
        vectors = MilvusVectors(milvus, collection, dimension, rows)
        channels[channel] = VectorSearcher(vectors, image if in_image_space(manifest, channel) else None)
    words, stems = publication.collection(Part.WORDS), publication.collection(Part.STEMS)
    channels[Channel.LEXICAL] = LexicalSearcher(MilvusWords(milvus, words, stems, everything))
    return channels


def _require_published(milvus: Connection, manifest: Manifest) -> Publication:
    found, address = find_current(milvus), milvus.address
    if found is None:
        raise MilvusError(
            f"found no index published as {address.name!r} at {address.uri}, expected generation "
            f"{manifest.generation} of this one; {_advise(address)}"
        )
    if found.fingerprint != fingerprint(manifest):
        raise MilvusError(
            f"found generation {found.generation} at {address}, expected generation {manifest.generation} of "
            f"this index; {_advise(address)}"
        )
    return found


def _advise(address: MilvusAddress) -> str:
    return f"run `retrieve publish --to {address}`"
