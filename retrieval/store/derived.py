"""Everything derived, from shards and text head. Reads them; writes INDEX/vectors and INDEX/lexical."""

import dataclasses
from pathlib import Path

import numpy as np

from retrieval.channels.channel import Channel
from retrieval.channels.channel_vectors import in_image_space, read_channel_vectors, vector_dimensions
from retrieval.channels.lexical_file import write_words
from retrieval.channels.vector_choice import build_vector_index
from retrieval.channels.vector_index import write_vectors
from retrieval.store.manifest import HeadRecord, Manifest, VectorsRecord
from retrieval.store.schema import Status
from retrieval.store.shards import newest_with_status, read_columns

_QUERIES = 512


def build_derived(index: Path, manifest: Manifest) -> Manifest:
    """The manifest with the derived files and counts of its shards, the files written durably.

    The same shards and `vectors_wish` give the same files, whatever else the manifest said before.

    Raises:
        IndexFormatError: a shard or the text head is missing or damaged.
    """
    table = read_columns(index, manifest, ["image_id", "status"])
    searchable_N = np.sort(newest_with_status(table, Status.INDEXED))
    return dataclasses.replace(
        manifest,
        vectors=tuple(
            _build_vectors(index, manifest, channel, searchable_N) for channel in vector_dimensions(manifest)
        ),
        lexical=write_words(index, manifest, searchable_N),
        photos=len(searchable_N),
        failed=len(newest_with_status(table, Status.FAILED)),
    )


def _build_vectors(
    index: Path, manifest: Manifest, channel: Channel, searchable_N: np.ndarray
) -> VectorsRecord:
    vectors_ND, positions_N = read_channel_vectors(index, manifest, channel, searchable_N)
    queries_QD = None
    if isinstance(manifest.image_head, HeadRecord):
        # Sentences come from afar, to image vectors as captions do, and to captions as image vectors do. What
        # is near a vector of the same channel says less: in a collection of a dozen copies of each photo,
        # these are its nearest, which one list holds.
        other = Channel.CAPTION if channel is Channel.IMAGE else Channel.IMAGE
        some_N = searchable_N[:: max(1, len(searchable_N) // _QUERIES)]
        others_QD, _ = read_channel_vectors(index, manifest, other, some_N)
        queries_QD = others_QD if len(others_QD) else None
    built, ann_recall = build_vector_index(vectors_ND, positions_N, manifest.vectors_wish, queries_QD)
    record = write_vectors(index, channel, built, ann_recall)
    return dataclasses.replace(record, in_image_space=in_image_space(manifest, channel))
