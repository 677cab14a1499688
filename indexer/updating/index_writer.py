"""Rows → shards → derived files → manifest → CURRENT. The caller holds the index's lock."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from indexer.updating.image_space import ImageSpace
from retrieval.channel import Channel
from retrieval.generations.commit import commit_next, time_now
from retrieval.generations.derived import update_derived
from retrieval.store.manifest import (
    HeadRecord,
    Manifest,
    ModelRecord,
    ShardRecord,
    TowerRecord,
    UnfinishedRun,
    VectorsWish,
    is_same_model,
    read_current_generation,
)
from retrieval.store.schema import (
    VECTOR_COLUMNS,
    PhotoRow,
    Status,
    StoredCaption,
    photo_schema,
    table_to_rows,
)
from retrieval.store.shards import keep_failure_time, name_captioner, read_shard, write_shard

# A run publishes when it has added this share of what readers see, so that making the derived files anew
# stays a small part of its time however large the index is. In between its shards are only kept.
_PUBLISHED_SHARE = 1 / 2


class IndexWriter:
    """Adds rows to what a manifest holds, and commits every full shard: a run that is killed keeps those.

    At most `shard_rows` rows are held in memory. Readers see the rows when they are published: shard by shard
    while the index is small, more at once when it has grown, the rest at the end; all of them at the end
    where another captioner than the index's wrote them, so that no reader sees the captions of two.
    """

    def __init__(
        self,
        index: Path,
        manifest: Manifest,
        captioner: ModelRecord,
        shard_rows: int,
        image_space: ImageSpace | None = None,
        vectors_wish: VectorsWish | None = None,
    ) -> None:
        """`manifest` is the current generation, or for a new index one of generation 0 without shards.

        `captioner` and `image_space` describe the rows that will be added, `vectors_wish` how vectors are
        indexed from now on; None: as before. A run of the captioner that has not ended is carried on, one of
        another is dropped.
        """
        self._index = index
        self._manifest = manifest
        self._captioner = captioner
        self._image_space = image_space
        self._vectors_wish = vectors_wish or manifest.vectors_wish
        schema = photo_schema(
            manifest.caption_dimension, image_space.dimension if image_space is not None else 0
        )
        self._schema = name_captioner(schema, captioner)
        self._shard_rows = shard_rows
        self._unfinished = self._list_kept()
        self._pending: dict[str, PhotoRow] = {}
        self._positions: dict[str, int] = {}
        self._image_record: HeadRecord | TowerRecord | None = None

    def add(self, row: PhotoRow) -> None:
        """Add a row; it supersedes earlier rows of the same content."""
        self._pending[row.image_id] = row
        if len(self._pending) < self._shard_rows:
            return
        self._write_pending()
        published = sum(shard.rows for shard in self._manifest.shards)
        waiting = sum(shard.rows for shard in self._unfinished)
        if self._manifest.photos and not is_same_model(self._manifest.captioner, self._captioner):
            self._keep()
        elif waiting < _PUBLISHED_SHARE * published:
            self._keep()
        else:
            self._publish()

    def delete(self, image_id: str, captions: tuple[StoredCaption, ...]) -> None:
        """Mark a content as deleted. The row keeps people's `captions` for its return.

        Its `reason` is the hash of this run's captioner if that captioned the content's last row, else None.
        """
        is_own = is_same_model(self._manifest.captioner, self._captioner)
        reason = self._captioner.sha256 if is_own else None
        self.add(PhotoRow(image_id, (), Status.DELETED, reason, captions=captions))

    def move(self, paths: Mapping[str, tuple[bytes, ...]], positions: Mapping[str, int]) -> None:
        """Give contents other paths. `positions` tells where rows lie that this writer did not add."""
        by_shard: dict[ShardRecord, dict[int, tuple[bytes, ...]]] = {}
        for image_id, new_paths in paths.items():
            if image_id in self._pending:
                row = self._pending[image_id]
                self._pending[image_id] = dataclasses.replace(row, paths=new_paths)
                continue
            position = self._positions.get(image_id)
            shard, row_number = self._locate(positions[image_id] if position is None else position)
            by_shard.setdefault(shard, {})[row_number] = new_paths
        for shard, moves in by_shard.items():
            numbers = sorted(moves)
            table = read_shard(self._index, shard).take(numbers)
            for number, row in zip(numbers, table_to_rows(table), strict=True):
                self.add(dataclasses.replace(keep_failure_time(row, shard), paths=moves[number]))

    def find_image_vector(self, position: int | None) -> np.ndarray | None:
        """float32 (E,) of a row that this writer did not add; None where it has none."""
        if position is None:
            return None
        shard, row_number = self._locate(position)
        column = VECTOR_COLUMNS[Channel.IMAGE]
        vector = read_shard(self._index, shard, [column])[column][row_number].as_py()
        return None if vector is None else np.array(vector, dtype=np.float32)

    def commit(self) -> Manifest:
        """Make everything added visible, as the next generation if there is anything new.

        When this returns, a power cut can no longer undo it.
        """
        self._write_pending()
        manifest = self._manifest
        changed = self._unfinished or manifest.unfinished or manifest.captioner != self._captioner
        changed = changed or manifest.vectors_wish != self._vectors_wish
        # `retrieve repair` leaves out a head that was damaged.
        lost = (manifest.image_head is None) != (self._image_space is None)
        # A new index has no words yet, and one from before there was a lexical channel gets them now.
        if changed or lost or manifest.lexical is None:
            self._publish()
        return self._manifest

    def suspend(self) -> None:
        """Keep what was added so far for the next run, invisible to readers.

        For a run that is stopped, be it while it publishes: what that committed stays.
        """
        self._write_pending()
        # Stopped between two lines, it may hold a shard twice, or one that is published.
        published = {shard.sha256 for shard in self._manifest.shards}
        kept = {shard.sha256: shard for shard in self._unfinished if shard.sha256 not in published}
        self._unfinished = list(kept.values())
        is_committed = read_current_generation(self._index) > self._manifest.generation
        if self._unfinished != self._list_kept() and not is_committed:
            self._keep()

    def _list_kept(self) -> list[ShardRecord]:
        """The shards of this captioner's run that has not ended, as the manifest names them."""
        run = self._manifest.unfinished
        return list(run.shards) if run and is_same_model(run.captioner, self._captioner) else []

    def _write_pending(self) -> None:
        if not self._pending:
            return
        rows, start = list(self._pending.values()), sum(shard.rows for shard in self._shards())
        self._unfinished.append(write_shard(self._index, rows, self._schema, time_now()))
        self._positions.update((row.image_id, start + number) for number, row in enumerate(rows))
        self._pending = {}

    def _keep(self) -> None:
        run = UnfinishedRun(self._captioner, tuple(self._unfinished))
        self._manifest = commit_next(self._index, dataclasses.replace(self._manifest, unfinished=run))

    def _publish(self) -> None:
        manifest = dataclasses.replace(
            self._manifest,
            captioner=self._captioner,
            image_head=self._describe_images(),
            shards=tuple(self._shards()),
            unfinished=None,
            vectors_wish=self._vectors_wish,
        )
        self._manifest = commit_next(self._index, update_derived(self._index, self._manifest, manifest))
        self._unfinished = []

    def _describe_images(self) -> HeadRecord | TowerRecord | None:
        """Where the image vectors are and how queries get there; a head's file is written durably, once."""
        if self._image_space is not None and self._image_record is None:
            self._image_record = self._image_space.leave(self._index)
        return self._image_record

    def _shards(self) -> list[ShardRecord]:
        return [*self._manifest.shards, *self._unfinished]

    def _locate(self, position: int) -> tuple[ShardRecord, int]:
        """(shard, row in it) of a position."""
        for shard in self._shards():
            if position < shard.rows:
                return shard, position
            position -= shard.rows
        raise AssertionError(f"position {position} lies beyond the last shard")
