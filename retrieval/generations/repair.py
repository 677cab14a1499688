"""Mends an index that was damaged. Reads every byte of it; writes INDEX/quarantine and a new generation.

Damaged files are moved aside, never deleted. What is derived is made again from the shards; where shards are
damaged, the generation before takes the place of this one, and where that is damaged as well, the shards that
are whole, but for what another captioner said. What is lost that way, `retrieve index` captions again. Shards
that have no place in what comes of it are moved aside too.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import IndexFormatError, IndexNotFoundError, NewerFormatError, UnreadableError
from retrieval.generations.commit import publish_next
from retrieval.generations.derived import build_derived
from retrieval.generations.garbage import collect_garbage, kept_generations
from retrieval.generations.inventory import list_files, list_nameless_shards
from retrieval.generations.leftovers import Known
from retrieval.generations.resurfaced import supersede_resurfaced
from retrieval.progress import Progress, no_progress, tell_each
from retrieval.store.files import make_folder, require_lost
from retrieval.store.lock import writer_lock
from retrieval.store.manifest import (
    HeadRecord,
    Manifest,
    ShardRecord,
    finish_commit,
    list_generations,
    manifest_path,
    read_current_generation,
    read_generation,
    read_manifest,
)
from retrieval.store.sealed_file import read_sealed

QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class RepairReport:
    """`actions` says what was done, one line each, in order; none where the index was whole.

    `photos` were searchable before, as far as that is known, and are now.
    """

    generation: int
    photos_before: int | None
    photos: int
    actions: tuple[str, ...]


def repair_index(index: Path, progress: Progress = no_progress) -> RepairReport:
    """Make the index whole again, with as much of it as can be had.

    Raises:
        RetrievalError: another process is writing.
        IndexNotFoundError: the folder holds no index.
        IndexFormatError: no manifest of the index is whole, or a newer version wrote one.
        UnreadableError: a file may be read another time; nothing that is needed is moved.
    """
    if not (index / "CURRENT").exists() and not list_generations(index):
        read_manifest(index)
    with writer_lock(index):
        return _Repair(index, progress).run()


class _Repair:
    """One repair; the actions are collected as they are taken."""

    def __init__(self, index: Path, progress: Progress) -> None:
        self._index = index
        self._progress = progress
        self._actions: list[str] = []
        self._highest = 0
        self._torn: list[int] = []

    def run(self) -> RepairReport:
        # The only manifest, which nothing names yet, may be damaged itself.
        with suppress(IndexFormatError):
            finish_commit(self._index)
        current = self._read_current()
        readable = self._read_generations(current)
        if not readable:
            raise IndexFormatError(
                f"found no manifest in {self._index} that is whole, expected one; index again elsewhere"
            )
        # Most files are in both generations; they are read once.
        named = (file for manifest in readable.values() for file in list_files(self._index, manifest))
        checked = tell_each(list(dict.fromkeys(named)), "Checking files", self._progress)
        damaged = {file.path for file in checked if file.is_lost()}
        self._quarantine([*sorted(damaged), *self._find_unsealed()])
        newest = readable[max(readable)]
        chosen = self._choose(newest, readable, damaged)
        rebuild = chosen not in readable.values() or self._is_hurt(chosen, damaged)
        known = Known(self._index, readable, is_newest_lost=current is None and self._highest not in readable)
        hurt = [each for each, manifest in readable.items() if self._is_hurt(manifest, damaged)]
        hurt += self._torn
        if rebuild or chosen != current:
            chosen = self._keep_leftovers(chosen, known)
            if chosen.shards != readable[chosen.generation].shards:
                chosen, rebuild = self._supersede_resurfaced(chosen), True
            whole = [manifest for each, manifest in readable.items() if each not in hurt]
            self._put_unnamed_aside([*whole, chosen])
            chosen = self._commit(chosen, rebuild, hurt)
        else:
            self._quarantine_manifests(hurt)
        return RepairReport(
            chosen.generation, current.photos if current else None, chosen.photos, tuple(self._actions)
        )

    def _commit(self, chosen: Manifest, rebuild: bool, hurt: Sequence[int]) -> Manifest:
        if rebuild:
            chosen = build_derived(self._index, chosen)
            self._actions.append("made the derived files again from the shards")
        chosen = publish_next(self._index, dataclasses.replace(chosen, generation=self._highest))
        # Not before: if this repair is cut short, the next one goes on from them.
        self._quarantine_manifests(hurt)
        collect_garbage(self._index, chosen.generation)
        self._actions.append(f"committed generation {chosen.generation} with {chosen.photos} photos")
        return chosen

    def _read_current(self) -> Manifest | None:
        try:
            return read_manifest(self._index)
        except (NewerFormatError, UnreadableError):
            raise
        except OSError as error:
            require_lost(Path(error.filename or self._index), error)
            reason = str(error)
        except (IndexFormatError, IndexNotFoundError) as error:
            reason = str(error)
        self._actions.append(reason)
        return None

    def _read_generations(self, current: Manifest | None) -> dict[int, Manifest]:
        """The manifests that are whole: of the generations that are kept, or of all if CURRENT is lost."""
        readable = {} if current is None else {current.generation: current}
        there = list_generations(self._index)
        # One above the current one is of a run killed before it could commit: the next takes its place.
        last = read_current_generation(self._index)
        self._highest = current.generation if current else max([*there, last])
        for generation in there if current is None else kept_generations(self._index, current.generation):
            if generation in readable:
                continue
            try:
                readable[generation] = read_generation(self._index, generation)
            except (NewerFormatError, UnreadableError):
                raise
            except IndexFormatError:
                self._torn.append(generation)
        return readable

    def _choose(self, newest: Manifest, readable: dict[int, Manifest], damaged: set[Path]) -> Manifest:
        """The generation to go on with: the newest whose shards are whole, or what is left of the newest.

        Of an unfinished run, which nobody sees yet, what is left will do.
        """
        for generation in sorted(readable, reverse=True):
            manifest = readable[generation]
            published = dataclasses.replace(manifest, unfinished=None)
            if all(file.derived or file.path not in damaged for file in list_files(self._index, published)):
                if manifest is not newest:
                    self._actions.append(
                        f"fell back from generation {newest.generation} to {generation}, which is whole; "
                        "run `retrieve index` to add what came since"
                    )
                return self._without_damaged_shards(manifest, damaged)
        return self._without_damaged_shards(newest, damaged)

    def _is_hurt(self, manifest: Manifest, damaged: set[Path]) -> bool:
        return any(file.path in damaged for file in list_files(self._index, manifest))

    def _without_damaged_shards(self, manifest: Manifest, damaged: set[Path]) -> Manifest:
        lost = {file.sha256 for file in list_files(self._index, manifest) if file.path in damaged}
        whole = tuple(shard for shard in manifest.shards if shard.sha256 not in lost)
        rows = sum(shard.rows for shard in manifest.shards) - sum(shard.rows for shard in whole)
        if len(whole) < len(manifest.shards):
            self._actions.append(
                f"left out {len(manifest.shards) - len(whole)} damaged shards with {rows} rows; "
                "run `retrieve index` to caption their photos again"
            )
        head = manifest.image_head
        if isinstance(head, HeadRecord) and head.text_sha256 in lost:
            head = None
            self._actions.append("left out the image channel's head; run `retrieve index` to put it back")
        run = manifest.unfinished
        if run is not None:
            kept = tuple(shard for shard in run.shards if shard.sha256 not in lost)
            if len(kept) < len(run.shards):
                self._actions.append(
                    f"left out {len(run.shards) - len(kept)} damaged shards of the run that had not ended"
                )
            run = dataclasses.replace(run, shards=kept) if kept else None
        return dataclasses.replace(manifest, shards=whole, image_head=head, unfinished=run)

    def _keep_leftovers(self, chosen: Manifest, known: Known) -> Manifest:
        """The generation with what is whole of those after it and, where it lost shards, before it."""
        earlier, (later, run) = known.find_earlier(chosen), known.find_later(chosen)
        before = chosen.unfinished.shards if chosen.unfinished else ()
        waiting = tuple(shard for shard in run.shards if shard not in before) if run else ()
        self._note_kept(earlier, "of earlier generations")
        self._note_kept(later, "of later generations")
        self._note_kept(waiting, "for the next `retrieve index`")
        return dataclasses.replace(chosen, shards=(*earlier, *chosen.shards, *later), unfinished=run)

    def _note_kept(self, shards: tuple[ShardRecord, ...], which: str) -> None:
        if shards:
            rows = sum(shard.rows for shard in shards)
            self._actions.append(f"kept {len(shards)} whole shards with {rows} rows {which}")

    def _put_unnamed_aside(self, manifests: Sequence[Manifest]) -> None:
        """Move the shards that none of these names, lest they be removed as garbage."""
        self._quarantine(list_nameless_shards(self._index, manifests), "which no generation needs")

    def _supersede_resurfaced(self, chosen: Manifest) -> Manifest:
        """The generation without captions of another captioner, which the lost shards superseded."""
        shard = supersede_resurfaced(self._index, chosen)
        if shard is None:
            return chosen
        self._actions.append(
            f"left out {shard.rows} rows with another captioner's captions; "
            "run `retrieve index` to caption their photos again"
        )
        return dataclasses.replace(chosen, shards=(*chosen.shards, shard))

    def _find_unsealed(self) -> Iterator[Path]:
        path = self._index / "SEEN"
        try:
            read_sealed(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            require_lost(path, error)
            yield path
        except IndexFormatError:
            yield path

    def _quarantine_manifests(self, generations: Iterable[int]) -> None:
        self._quarantine(manifest_path(self._index, generation) for generation in generations)

    def _quarantine(self, paths: Iterable[Path], why: str = "which is damaged") -> None:
        for path in paths:
            name = path.relative_to(self._index)
            if not os.path.lexists(path):
                self._actions.append(f"found no {name}")
                continue
            folder = self._index / QUARANTINE
            make_folder(folder)
            os.replace(path, folder / path.name)
            self._actions.append(f"moved {name}, {why}, to {QUARANTINE}/")
