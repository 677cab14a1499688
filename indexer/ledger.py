"""What the index knew of each photo before a run, what the run found, and what follows from both.

Reads the shards without their vectors; writes nothing. Holds about a kilobyte per photo.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from indexer.scan import Scan
from retrieval.manifest import Manifest
from retrieval.schema import LEDGER_COLUMNS, PhotoRow, Provenance, Status, StoredCaption
from retrieval.shards import read_rows

_NOT_THERE_BEFORE = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """The newest row of one content, in short.

    `position` is its number in the concatenation of the shards, -1 for a row of this run.
    """

    paths: tuple[bytes, ...]
    status: Status
    reason: str | None
    position: int
    human_captions: tuple[StoredCaption, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of photos (distinct contents), as `indexer.build.IndexReport` defines it."""

    new: int
    unchanged: int
    updated: int
    removed: int


@dataclass(slots=True)
class Ledger:
    """`before` is what the index knew, `found` where each content lies now, `added` the rows of this run."""

    before: dict[str, Entry] = field(default_factory=dict)
    found: dict[str, list[bytes]] = field(default_factory=dict)
    added: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def read(cls, index: Path, manifest: Manifest) -> "Ledger":
        """What the generation knows, deleted photos included."""
        ledger = cls()
        position = 0
        for shard in manifest.shards:
            for row in read_rows(index, shard, LEDGER_COLUMNS):
                ledger.before[row.image_id] = _to_entry(row, position)
                position += 1
        return ledger

    def is_indexed(self, image_id: str) -> bool:
        """Whether the index held this content, captioned, before the run."""
        entry = self.before.get(image_id)
        return entry is not None and entry.status is Status.INDEXED

    def is_news(self, row: PhotoRow) -> bool:
        """Whether a row of this run says what the index does not know: no failure is stored twice."""
        if row.image_id in self.added:
            return False
        entry = self.before.get(row.image_id)
        if row.status is not Status.FAILED or entry is None:
            return True
        return (entry.status, entry.reason) != (row.status, row.reason)

    def note_found(self, image_id: str, path: bytes) -> None:
        """Remember that the content lies at this path now."""
        self.found.setdefault(image_id, []).append(path)

    def note_added(self, row: PhotoRow) -> None:
        """Remember what a row of this run says."""
        self.added[row.image_id] = _to_entry(row, _NOT_THERE_BEFORE)

    def newest(self, image_id: str) -> Entry:
        """The newest row of a content, in short."""
        return self.added.get(image_id) or self.before[image_id]

    def human_captions(self, image_id: str) -> tuple[StoredCaption, ...]:
        """What people wrote about this content, whatever became of it since."""
        entry = self.before.get(image_id)
        return entry.human_captions if entry else ()

    def paths_now(self, image_id: str, scan: Scan) -> tuple[bytes, ...]:
        """Where the content lies now: what was found, and what the scan did not cover and so cannot deny."""
        entry = self.before.get(image_id)
        kept = {path for path in entry.paths if not scan.covers(path)} if entry else set()
        return tuple(sorted(kept.union(self.found.get(image_id, ()))))

    def photos_outside(self, scan: Scan) -> Iterator[bytes]:
        """A path of each indexed photo of which the scan covers none."""
        for entry in self.before.values():
            if entry.status is Status.INDEXED and not any(scan.covers(path) for path in entry.paths):
                yield entry.paths[0]

    def failures(self, scan: Scan) -> Iterator[tuple[bytes, str]]:
        """(path, reason) of each file that could not be read, by path; folders too."""
        failed = [
            (path, self.newest(image_id).reason or "")
            for image_id, paths in self.found.items()
            if self.newest(image_id).status is Status.FAILED
            for path in paths
        ]
        yield from sorted([*failed, *scan.unreadable])

    def moves(self, scan: Scan) -> Iterator[tuple[str, tuple[bytes, ...]]]:
        """(content, its paths now) of each whose newest row says otherwise; no paths: it is gone."""
        for image_id in sorted(self.before.keys() | self.added.keys()):
            entry = self.newest(image_id)
            paths = self.paths_now(image_id, scan)
            if entry.status is not Status.DELETED and paths != entry.paths:
                yield image_id, paths

    def count_failed(self, scan: Scan) -> int:
        """How many contents of the whole index cannot be read."""
        return sum(
            self.newest(image_id).status is Status.FAILED and bool(self.paths_now(image_id, scan))
            for image_id in self.before.keys() | self.added.keys()
        )

    def count(self, scan: Scan) -> Counts:
        """What became of the photos in the scan's reach."""
        created, gone, updated, unchanged = [], [], 0, 0
        for image_id in self.before.keys() | self.found.keys():
            was = self.is_indexed(image_id)
            paths = self.paths_now(image_id, scan)
            now = bool(paths) and self.newest(image_id).status is Status.INDEXED
            if was and now:
                changed = image_id in self.added or paths != self.before[image_id].paths
                updated += changed
                unchanged += not changed and image_id in self.found
            elif now:
                created.append(image_id)
            elif was:
                gone.append(image_id)
        replaced = self._count_replaced(created, gone)
        return Counts(len(created) - replaced, unchanged, updated + replaced, len(gone) - replaced)

    def _count_replaced(self, created: Collection[str], gone: Collection[str]) -> int:
        """How many of the created contents took the place, at the same path, of one that is gone."""
        former = {path: image_id for image_id in gone for path in self.before[image_id].paths}
        replaced = {former[path] for image_id in created for path in self.found[image_id] if path in former}
        replacing = sum(any(path in former for path in self.found[image_id]) for image_id in created)
        return min(len(replaced), replacing)


def _to_entry(row: PhotoRow, position: int) -> Entry:
    human = tuple(caption for caption in row.captions if caption.provenance is Provenance.HUMAN)
    return Entry(row.paths, row.status, row.reason, position, human)
