"""Rows → shards → derived vectors → manifest → CURRENT. The caller holds the index's lock."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from retrieval.caption_vectors import read_caption_vectors
from retrieval.manifest import Manifest, commit_manifest
from retrieval.schema import PhotoRow, Status, StoredCaption, photo_schema, table_to_rows
from retrieval.shards import read_shard, write_shard
from retrieval.vector_index import FlatIndex, write_vectors


class IndexWriter:
    """Adds rows to what a manifest holds, and commits them together as the next generation.

    At most `shard_rows` rows are held in memory. Nothing is visible to readers before `commit`.
    """

    def __init__(self, index: Path, manifest: Manifest, shard_rows: int) -> None:
        """`manifest` is the current generation, or for a new index one of generation 0 without shards.

        Its models are those of the rows that will be added.
        """
        self._index = index
        self._manifest = manifest
        self._schema = photo_schema(manifest.caption_dimension)
        self._shard_rows = shard_rows
        self._shards = list(manifest.shards)
        self._pending: dict[str, PhotoRow] = {}
        self._positions: dict[str, int] = {}
        self.added = 0

    def add(self, row: PhotoRow) -> None:
        """Add a row; it supersedes earlier rows of the same content."""
        self._pending[row.image_id] = row
        self.added += 1
        if len(self._pending) >= self._shard_rows:
            self._flush()

    def delete(self, image_id: str, captions: tuple[StoredCaption, ...]) -> None:
        """Add the tombstone of a content; `captions` that people wrote are kept, should it come back."""
        self.add(PhotoRow(image_id, (), Status.DELETED, captions=captions))

    def move(self, paths: Mapping[str, tuple[bytes, ...]], positions: Mapping[str, int]) -> None:
        """Give contents other paths. `positions` tells where rows lie that this writer did not add."""
        by_shard: dict[int, dict[int, tuple[bytes, ...]]] = {}
        for image_id, new_paths in paths.items():
            if image_id in self._pending:
                row = self._pending[image_id]
                self._pending[image_id] = dataclasses.replace(row, paths=new_paths)
                continue
            position = self._positions.get(image_id)
            shard, row_number = self._locate(positions[image_id] if position is None else position)
            by_shard.setdefault(shard, {})[row_number] = new_paths
        for shard, moves in sorted(by_shard.items()):
            numbers = sorted(moves)
            table = read_shard(self._index, self._shards[shard]).take(numbers)
            for number, row in zip(numbers, table_to_rows(table), strict=True):
                self.add(dataclasses.replace(row, paths=moves[number]))

    def commit(self, failed: int) -> Manifest:
        """Make the added rows visible as the next generation, of whose contents `failed` cannot be read.

        When this returns, a power cut can no longer undo it.
        """
        self._flush()
        manifest = dataclasses.replace(
            self._manifest,
            generation=self._manifest.generation + 1,
            shards=tuple(self._shards),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            written_by=f"retrieve {version('retrieve')}",
            failed=failed,
        )
        vectors_ND, positions_N = read_caption_vectors(self._index, manifest)
        record = write_vectors(self._index, "caption", FlatIndex.build(vectors_ND, positions_N))
        manifest = dataclasses.replace(manifest, vectors=(record,), photos=len(positions_N))
        commit_manifest(self._index, manifest)
        return manifest

    def _flush(self) -> None:
        if not self._pending:
            return
        start = sum(shard.rows for shard in self._shards)
        rows = list(self._pending.values())
        self._shards.append(write_shard(self._index, rows, self._schema))
        self._positions.update((row.image_id, start + number) for number, row in enumerate(rows))
        self._pending.clear()

    def _locate(self, position: int) -> tuple[int, int]:
        """(shard, row in it) of a position."""
        for number, shard in enumerate(self._shards):
            if position < shard.rows:
                return number, position
            position -= shard.rows
        raise AssertionError(f"position {position} lies beyond the last shard")
