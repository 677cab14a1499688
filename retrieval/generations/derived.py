"""Everything derived, from shards and text head. Reads them; writes INDEX/vectors and INDEX/lexical."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrieval.channel import Channel
from retrieval.channels.channel_vectors import in_image_space, read_channel_vectors, vector_dimensions
from retrieval.channels.lexical_file import write_words
from retrieval.channels.vector_choice import TUNING_QUERIES, build_vector_index, tune_effort
from retrieval.channels.vector_index import write_vectors
from retrieval.generations.inventory import list_files
from retrieval.store.manifest import HeadRecord, Manifest, VectorsRecord
from retrieval.store.schema import Status
from retrieval.store.shards import newest_with_status, read_shard, read_statuses, split_positions

# The derived files stay as they are until more rows, or more than this share of theirs, are new: so many are
# read by who opens the index in a moment, and compared one by one in less.
_MOST_RECENT = 1000
_RECENT_SHARE = 1 / 64


def build_derived(index: Path, manifest: Manifest) -> Manifest:
    """The manifest with the derived files and counts of its shards, the files written durably.

    The same shards and `vectors_wish` give the same files, whatever else the manifest said before. They hold
    what all the shards do.

    Raises:
        IndexFormatError: a shard or the text head is missing or damaged.
    """
    searchable_N, failed = _find_photos(index, manifest)
    return dataclasses.replace(
        manifest,
        vectors=tuple(
            _build_vectors(index, manifest, channel, searchable_N) for channel in vector_dimensions(manifest)
        ),
        lexical=write_words(index, manifest, searchable_N),
        derived_shards=None,
        photos=len(searchable_N),
        failed=failed,
    )


def update_derived(index: Path, before: Manifest, manifest: Manifest) -> Manifest:
    """As `build_derived`, but the derived files of the generation `before` stay while little is new.

    Raises:
        IndexFormatError: as `build_derived`.
    """
    derived_shards = len(before.shards) if before.derived_shards is None else before.derived_shards
    kept = dataclasses.replace(
        manifest, vectors=before.vectors, lexical=before.lexical, derived_shards=derived_shards
    )
    too_many = kept.recent_rows > min(_MOST_RECENT, _RECENT_SHARE * kept.derived_rows)
    if too_many or not _fits(before, manifest) or _is_hurt(index, before):
        return build_derived(index, manifest)
    searchable_N, failed = _find_photos(index, manifest)
    return dataclasses.replace(kept, photos=len(searchable_N), failed=failed)


def _fits(before: Manifest, manifest: Manifest) -> bool:
    """Whether the derived files of `before` can be those of a manifest with some shards more."""
    spaces = {record.channel: (record.dimension, record.in_image_space) for record in before.vectors}
    wanted = {
        channel: (dimension, in_image_space(manifest, channel))
        for channel, dimension in vector_dimensions(manifest).items()
    }
    heads = [each.image_head and each.image_head.sha256 for each in (before, manifest)]
    return (
        before.lexical is not None
        and spaces == wanted
        and heads[0] == heads[1]
        and before.vectors_wish == manifest.vectors_wish
        and before.shards == manifest.shards[: len(before.shards)]
    )


def _is_hurt(index: Path, manifest: Manifest) -> bool:
    """Whether a derived file is missing or cut short: nobody could open what goes on with it."""
    return any(file.derived and file.find_damage(fast=True) for file in list_files(index, manifest))


def _find_photos(index: Path, manifest: Manifest) -> tuple[np.ndarray, int]:
    """The positions of the searchable photos' rows, ascending, and how many files could not be read."""
    statuses = read_statuses(index, manifest)
    known_N = np.sort(newest_with_status(statuses, Status.INDEXED, Status.FAILED))
    failed_N = pc.equal(statuses["status"].take(pa.array(known_N)), Status.FAILED).to_numpy()
    failed = 0
    for shard, _, numbers_R in split_positions(manifest.shards, known_N[failed_N]):
        paths = read_shard(index, shard, ["paths"])["paths"].take(pa.array(numbers_R))
        failed += pc.sum(pc.list_value_length(paths)).as_py()
    return known_N[~failed_N], failed


def _build_vectors(
    index: Path, manifest: Manifest, channel: Channel, searchable_N: np.ndarray
) -> VectorsRecord:
    queries_QD = None
    if isinstance(manifest.image_head, HeadRecord):
        # Sentences come from afar, to image vectors as captions do, and to captions as image vectors do. What
        # is near a vector of the same channel says less: in a collection of a dozen copies of each photo,
        # these are its nearest, which one list holds.
        other = Channel.CAPTION if channel is Channel.IMAGE else Channel.IMAGE
        some_N = searchable_N[:: max(1, len(searchable_N) // TUNING_QUERIES)]
        others_QD, _ = read_channel_vectors(index, manifest, other, some_N)
        queries_QD = others_QD if len(others_QD) else None
    built = build_vector_index(
        *read_channel_vectors(index, manifest, channel, searchable_N), manifest.vectors_wish
    )
    ann_recall = tune_effort(built, manifest.vectors_wish.ann_recall, queries_QD)
    record = write_vectors(index, channel, built, ann_recall)
    return dataclasses.replace(record, in_image_space=in_image_space(manifest, channel))
