"""Everything derived, from shards and text head. Reads them; writes INDEX/vectors and INDEX/lexical."""

import dataclasses
from pathlib import Path

import numpy as np

from retrieval.channels.channel_vectors import in_image_space, read_channel_vectors, vector_dimensions
from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.lexical_file import write_words
from retrieval.channels.vector_index import write_vectors
from retrieval.store.manifest import Manifest
from retrieval.store.schema import Status
from retrieval.store.shards import newest_with_status, read_columns


def build_derived(index: Path, manifest: Manifest) -> Manifest:
    """The manifest with the derived files and counts of its shards, the files written durably.

    The same shards give the same files, whatever the manifest said of them before.

    Raises:
        IndexFormatError: a shard or the text head is missing or damaged.
    """
    table = read_columns(index, manifest, ["image_id", "status"])
    searchable_N = np.sort(newest_with_status(table, Status.INDEXED))
    records = []
    for channel in vector_dimensions(manifest):
        vectors_ND, positions_N = read_channel_vectors(index, manifest, channel, searchable_N)
        record = write_vectors(index, channel, FlatIndex.build(vectors_ND, positions_N))
        records.append(dataclasses.replace(record, in_image_space=in_image_space(manifest, channel)))
    return dataclasses.replace(
        manifest,
        vectors=tuple(records),
        lexical=write_words(index, manifest, searchable_N),
        photos=len(searchable_N),
        failed=len(newest_with_status(table, Status.FAILED)),
    )
