"""Everything derived, from the shards alone. Reads shards; writes INDEX/vectors."""

import dataclasses
from collections import Counter
from pathlib import Path

from retrieval.channel_vectors import read_channel_vectors, vector_dimensions
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
    records = []
    for channel in vector_dimensions(manifest):
        vectors_ND, positions_N = read_channel_vectors(index, manifest, channel)
        records.append(write_vectors(index, channel, FlatIndex.build(vectors_ND, positions_N)))
    count = _count_rows(index, manifest)
    return dataclasses.replace(
        manifest, vectors=tuple(records), photos=count[Status.INDEXED], failed=count[Status.FAILED]
    )


def _count_rows(index: Path, manifest: Manifest) -> Counter[str]:
    table = read_columns(index, manifest, ["image_id", "status"])
    status = table["status"].to_pylist()
    return Counter(status[position] for position in newest_positions(table).values())
