"""Everything derived, from the shards alone. Reads shards; writes INDEX/vectors."""

import dataclasses
from pathlib import Path

import numpy as np

from retrieval.caption_vectors import read_caption_vectors
from retrieval.flat_index import FlatIndex
from retrieval.manifest import Manifest
from retrieval.schema import Status
from retrieval.shards import newest_with_status, read_columns
from retrieval.vector_index import write_vectors


def build_derived(index: Path, manifest: Manifest) -> Manifest:
    """The manifest with the derived files and counts of its shards, the files written durably.

    The same shards give the same files, whatever the manifest said of them before.

    Raises:
        IndexFormatError: a shard is missing or damaged.
    """
    table = read_columns(index, manifest, ["image_id", "status"])
    searchable_N = np.sort(newest_with_status(table, Status.INDEXED))
    vectors_ND = read_caption_vectors(index, manifest, searchable_N)
    record = write_vectors(index, "caption", FlatIndex.build(vectors_ND, searchable_N))
    return dataclasses.replace(
        manifest,
        vectors=(record,),
        photos=len(searchable_N),
        failed=len(newest_with_status(table, Status.FAILED)),
    )
