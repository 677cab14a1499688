"""Everything derived, from the shards alone. Reads shards; writes INDEX/vectors."""

import dataclasses
from pathlib import Path

from retrieval.caption_vectors import read_caption_vectors
from retrieval.flat_index import FlatIndex
from retrieval.manifest import Manifest
from retrieval.schema import Status
from retrieval.shards import newest_positions, read_columns
from retrieval.vector_index import write_vectors


def build_derived(index: Path, manifest: Manifest) -> Manifest:
    """The manifest with the derived files and counts of its shards, the files written durably.

    The same shards give the same files, whatever the manifest said of them before.

    Raises:
        IndexFormatError: a shard is missing or damaged.
    """
    vectors_ND, positions_N = read_caption_vectors(index, manifest)
    record = write_vectors(index, "caption", FlatIndex.build(vectors_ND, positions_N))
    return dataclasses.replace(
        manifest,
        vectors=(record,),
        photos=len(positions_N),
        failed=_count_failed(index, manifest),
    )


def _count_failed(index: Path, manifest: Manifest) -> int:
    table = read_columns(index, manifest, ["image_id", "status"])
    status = table["status"].to_pylist()
    return sum(status[position] == Status.FAILED for position in newest_positions(table).values())
