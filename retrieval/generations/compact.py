"""Fewer, fuller shards without what was superseded. Reads shards; writes shards and a new generation."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from retrieval.generations.commit import commit_next, time_now
from retrieval.generations.derived import build_derived
from retrieval.generations.garbage import collect_garbage, measure_files
from retrieval.generations.inventory import list_files
from retrieval.progress import Progress, no_progress, tell_each
from retrieval.store.lock import writer_lock
from retrieval.store.manifest import Manifest, ShardRecord, manifest_path, read_manifest
from retrieval.store.schema import LedgerRow, PhotoRow, Status, table_to_rows
from retrieval.store.shards import keep_failure_time, read_ledger, read_shard, shard_schema, write_shard

SHARD_ROWS = 2000


@dataclass(frozen=True, slots=True)
class CompactReport:
    """`rows` are what the shards hold, superseded rows and tombstones included.

    `freed` counts the bytes of the files that were removed, `freed_later` those that only the generation
    before needs: the next commit removes them.
    """

    generation: int
    photos: int
    shards_before: int
    shards: int
    rows_before: int
    rows: int
    freed: int
    freed_later: int


def compact_index(
    index: Path, shard_rows: int = SHARD_ROWS, progress: Progress = no_progress
) -> CompactReport:
    """Merge small shards, drop superseded rows and tombstones, and remove what no generation needs.

    The generation that was current is kept beside the new one, and goes with the next commit: until then
    merging takes more of the disk, not less. Tombstones with a person's caption stay.

    Raises:
        RetrievalError: another process is writing.
        IndexNotFoundError: the folder holds no index.
        IndexFormatError: the index is damaged, or a newer version wrote it.
    """
    read_manifest(index)
    with writer_lock(index):
        before = read_manifest(index)
        there = measure_files(index)
        collect_garbage(index, before.generation)
        after = _compact(index, before, shard_rows, progress)
        left = measure_files(index)
        needed = {file.path for file in list_files(index, after)} | {manifest_path(index, after.generation)}
    return CompactReport(
        generation=after.generation,
        photos=after.photos,
        shards_before=len(before.shards),
        shards=len(after.shards),
        rows_before=sum(shard.rows for shard in before.shards),
        rows=sum(shard.rows for shard in after.shards),
        freed=sum(size for path, size in there.items() if path not in left),
        freed_later=sum(size for path, size in left.items() if path not in needed),
    )


def _compact(index: Path, manifest: Manifest, shard_rows: int, progress: Progress) -> Manifest:
    wanted = _find_wanted(index, manifest, progress)
    kept: list[ShardRecord] = []
    merged: list[tuple[ShardRecord, list[int]]] = []
    for shard, rows in zip(manifest.shards, wanted, strict=True):
        if len(rows) == shard.rows and 2 * shard.rows >= shard_rows:
            kept.append(shard)
        else:
            merged.append((shard, rows))
    if all(len(rows) == shard.rows for shard, rows in merged) and len(merged) < 2:
        return manifest
    told = tell_each(merged, "Merging shards", progress)
    shards = (*kept, *_write_merged(index, manifest, told, shard_rows))
    return commit_next(index, build_derived(index, dataclasses.replace(manifest, shards=shards)))


def _find_wanted(index: Path, manifest: Manifest, progress: Progress) -> list[list[int]]:
    """Of each shard the numbers of the rows that are worth keeping."""
    newest: dict[str, tuple[int, int, bool]] = {}
    for shard_number, shard in enumerate(tell_each(manifest.shards, "Reading shards", progress)):
        for number, row in enumerate(read_ledger(index, shard)):
            newest[row.image_id] = (shard_number, number, _is_worth_keeping(row))
    wanted: list[list[int]] = [[] for _ in manifest.shards]
    for shard_number, number, worth_keeping in sorted(newest.values()):
        if worth_keeping:
            wanted[shard_number].append(number)
    return wanted


def _is_worth_keeping(row: LedgerRow) -> bool:
    return row.status is not Status.DELETED or bool(row.human_captions)


def _write_merged(
    index: Path, manifest: Manifest, merged: Iterable[tuple[ShardRecord, list[int]]], shard_rows: int
) -> Iterator[ShardRecord]:
    schema = shard_schema(manifest)
    pending: list[PhotoRow] = []
    for shard, numbers in merged:
        rows = table_to_rows(read_shard(index, shard).take(pa.array(numbers, pa.int64())))
        pending.extend(keep_failure_time(row, shard) for row in rows)
        while len(pending) >= shard_rows:
            yield write_shard(index, pending[:shard_rows], schema, time_now())
            del pending[:shard_rows]
    if pending:
        yield write_shard(index, pending, schema, time_now())
