"""What the index knew of each photo before a run, what the run found, and what follows from both.

Reads the shards without their vectors; writes nothing. Holds about a kilobyte per photo.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from indexer.photo_files.photo_file import identify_path, is_replaced
from indexer.photo_files.scan import Scan
from retrieval.store.manifest import Manifest
from retrieval.store.schema import LedgerRow, PhotoRow, Status, StoredCaption
from retrieval.store.shards import read_ledger


@dataclass(frozen=True, slots=True)
class Entry:
    """The newest row of one content, in short.

    `position` is its number in the concatenation of the shards, those of an unfinished run included; None for
    a row of this run. For a deleted photo: where its last captioned row is, if this run's captioner wrote it
    (the photo can then return without being captioned again), else None.
    """

    paths: tuple[bytes, ...]
    status: Status
    reason: str | None
    position: int | None
    human_captions: tuple[StoredCaption, ...] = ()

    @property
    def is_captioned(self) -> bool:
        """Whether the shards hold what the captioner says of the photo, be it deleted or not."""
        return self.status is Status.INDEXED or (self.status is Status.DELETED and self.position is not None)


class Counts(NamedTuple):
    """What became of photos (distinct contents), as `IndexReport` defines it."""

    new: int
    unchanged: int
    updated: int
    removed: int


@dataclass(slots=True)
class Ledger:
    """`before` is what readers see, `found` where each content lies now, `added` the rows of this run.

    The rows of an unfinished run that this one carries on count as its own. `failed` are the files and
    folders that could not be read, with the reason; of those in `unread` not even the bytes, so that what the
    index knows of them is neither confirmed nor gone. `other_captioner` says that what readers see was
    captioned by another than the run's.
    """

    before: dict[str, Entry] = field(default_factory=dict)
    found: dict[str, list[bytes]] = field(default_factory=dict)
    added: dict[str, Entry] = field(default_factory=dict)
    failed: dict[bytes, str] = field(default_factory=dict)
    unread: set[bytes] = field(default_factory=set)
    keep_missing: bool = False
    other_captioner: bool = False
    _by_people: dict[bytes, Entry] | None = field(default=None, init=False, repr=False)

    @classmethod
    def read(
        cls, index: Path, manifest: Manifest, captioner_sha256: str, keep_missing: bool = False
    ) -> "Ledger":
        """What the generation knows, deleted photos included, for a run with this captioner."""
        ledger = cls(keep_missing=keep_missing, other_captioner=manifest.captioner.sha256 != captioner_sha256)
        unfinished = manifest.unfinished.shards if manifest.unfinished else ()
        position = 0
        for entries, shards in ((ledger.before, manifest.shards), (ledger.added, unfinished)):
            for shard in shards:
                for row in read_ledger(index, shard):
                    entry = _to_entry(row, position)
                    if row.status is Status.DELETED:
                        former = ledger._find(row.image_id) if row.reason == captioner_sha256 else None
                        kept = former.position if former and former.is_captioned else None
                        entry = replace(entry, position=kept)
                    entries[row.image_id] = entry
                    position += 1
        return ledger

    def needs_pixels(self, image_id: str, recaption: bool, retry_failed: bool) -> bool:
        """Whether a content must be decoded: unless it is captioned, or known to be no photo."""
        entry = self._find(image_id)
        if entry is None or (entry.status is Status.DELETED and not entry.is_captioned):
            return True
        if entry.status is Status.FAILED:
            return retry_failed and image_id not in self.added
        return recaption and image_id not in self.added

    def is_news(self, row: PhotoRow) -> bool:
        """Whether a row of this run says what the index does not know.

        No failure is stored twice, and none takes the place of a photo that this captioner described: its
        content is unchanged, so that what failed is the decoder. What another captioner said cannot stay.
        """
        entry = self._find(row.image_id)
        if entry is None or entry.status is Status.DELETED:
            return True
        if row.status is Status.FAILED and entry.status is Status.INDEXED:
            return self.other_captioner and row.image_id not in self.added
        if row.status is Status.FAILED:
            return entry.reason != row.reason
        return entry.status is Status.FAILED or row.image_id not in self.added

    def note_found(self, image_id: str, path: bytes) -> None:
        """Remember that the content lies at this path now."""
        self.found.setdefault(image_id, []).append(path)

    def note_failed(self, image_id: str, path: bytes, reason: str) -> None:
        """Remember that this file or folder could not be read; its id says whether its bytes could."""
        self.failed[path] = reason
        if image_id == identify_path(path) and not is_replaced(path):
            self.unread.add(path)

    def note_added(self, row: PhotoRow) -> None:
        """Remember what a row of this run says."""
        self.added[row.image_id] = _to_entry(row, None)

    def _find(self, image_id: str) -> Entry | None:
        return self.added.get(image_id) or self.before.get(image_id)

    def newest(self, image_id: str) -> Entry:
        """The newest row of a content, in short."""
        return self.added.get(image_id) or self.before[image_id]

    def positions(self, image_ids: Iterable[str]) -> dict[str, int]:
        """Where the shards hold what is known of these contents, those left out that this run read."""
        positions = {image_id: self.newest(image_id).position for image_id in image_ids}
        return {image_id: position for image_id, position in positions.items() if position is not None}

    def human_captions(self, image_id: str) -> tuple[StoredCaption, ...]:
        """What people wrote about this content, whatever became of it since."""
        entry = self._find(image_id)
        return entry.human_captions if entry else ()

    def knows(self, image_id: str) -> bool:
        """Whether there is a row of this content, whatever became of it since."""
        return self._find(image_id) is not None

    def captioned_by_people(self) -> Mapping[bytes, Entry]:
        """By path, the photos before the run of which people wrote something."""
        if self._by_people is None:
            self._by_people = {
                path: entry
                for entry in self.before.values()
                if entry.status is Status.INDEXED and entry.human_captions
                for path in entry.paths
            }
        return self._by_people

    def paths_now(self, image_id: str, scan: Scan) -> tuple[bytes, ...]:
        """Where the content lies now: what was found, and what the scan cannot deny.

        That is what it did not cover, files that could not be read, and where missing photos are kept the
        paths at which there is nothing now.
        """
        entry, found = self._find(image_id), self.found.get(image_id, ())
        known = entry.paths if entry else ()
        if known == tuple(found):
            return known
        # What is known of a file by its path alone is that it could not be read: this run knows it anew.
        kept = {
            path
            for path in known
            if not scan.covers(path) or (path in self.unread and identify_path(known[0]) != image_id)
        }
        if self.keep_missing and not found and not kept and entry and entry.status is Status.INDEXED:
            kept = {path for path in known if not os.path.lexists(path)}
        return tuple(sorted(kept.union(found)))

    def photos_outside(self, scan: Scan) -> Iterator[bytes]:
        """A path of each indexed photo of which the scan covers none, and this run captioned none."""
        for image_id, entry in self.before.items():
            if entry.status is not Status.INDEXED or image_id in self.added:
                continue
            if not any(scan.covers(path) for path in entry.paths):
                yield entry.paths[0]

    def photos_left(self, scan: Scan) -> Iterator[bytes]:
        """A path of each indexed photo that stays and that this run, all files read, has not captioned."""
        for image_id, entry in self.before.items():
            if entry.status is not Status.INDEXED or image_id in self.added:
                continue
            if paths := self.paths_now(image_id, scan):
                yield paths[0]

    def failures(self) -> list[tuple[bytes, str]]:
        """(path, reason) of each file that could not be read, by path; folders too."""
        known = {
            path: entry.reason or ""
            for image_id, paths in self.found.items()
            if (entry := self._find(image_id)) is not None and entry.status is Status.FAILED
            for path in paths
        }
        return sorted((known | self.failed).items())

    def moves(self, scan: Scan) -> Iterator[tuple[str, tuple[bytes, ...]]]:
        """(content, its paths now) of each whose newest row says otherwise; no paths: it is gone."""
        for image_id in sorted(self.before.keys() | self.added.keys()):
            entry = self.newest(image_id)
            paths = self.paths_now(image_id, scan)
            if paths != entry.paths and (entry.status is not Status.DELETED or entry.is_captioned):
                yield image_id, paths

    def count(self, scan: Scan) -> Counts:
        """What became of the photos in the scan's reach."""
        created, gone, updated, unchanged = [], [], 0, 0
        for image_id in self.before.keys() | self.added.keys() | self.found.keys():
            before = self.before.get(image_id)
            was = before is not None and before.status is Status.INDEXED
            paths = self.paths_now(image_id, scan)
            # Of a copy of a file that vanished while it was read there is no row: the next run reads it.
            entry = self._find(image_id)
            now = bool(paths) and entry is not None and entry.is_captioned
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
        places = {image_id: self.found.get(image_id, ()) for image_id in created}
        replaced = {former[path] for paths in places.values() for path in paths if path in former}
        replacing = sum(any(path in former for path in paths) for paths in places.values())
        return min(len(replaced), replacing)


def _to_entry(row: PhotoRow | LedgerRow, position: int | None) -> Entry:
    return Entry(row.paths, row.status, row.reason, position, row.human_captions)
