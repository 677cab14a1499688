"""Whole shards that the generation a repair goes on with does not name. Reads them; writes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from retrieval.generations.inventory import list_files
from retrieval.store.manifest import Manifest, ModelRecord, ShardRecord, UnfinishedRun
from retrieval.store.shards import find_shard, shard_path


@dataclass(frozen=True, slots=True)
class Known:
    """What a repair found: the manifests that are whole, by generation, its damaged files moved aside.

    `is_newest_lost` says that there was a generation after all of these: what no manifest names is its.
    """

    index: Path
    manifests: Mapping[int, Manifest]
    is_newest_lost: bool

    def find_earlier(self, chosen: Manifest) -> tuple[ShardRecord, ...]:
        """Of a generation that lost shards, those of its captioner's that came before it; else none.

        They belong before its own, whose rows supersede theirs.
        """
        if len(chosen.shards) == len(self.manifests[chosen.generation].shards):
            return ()
        own = {shard.sha256 for shard in chosen.shards}
        before = [
            shard
            for generation, manifest in sorted(self.manifests.items())
            if generation < chosen.generation and manifest.captioner == chosen.captioner
            for shard in manifest.shards
            if shard.sha256 not in own and self._exists(shard)
        ]
        return tuple(dict.fromkeys(before))

    def find_later(self, chosen: Manifest) -> UnfinishedRun | None:
        """The shards that came after a generation, of the captioner that readers saw last.

        What earlier generations name is not among them: it was superseded.
        """
        past = {
            shard.sha256
            for generation, manifest in self.manifests.items()
            if generation <= chosen.generation
            for _, shard in _list_shards(manifest)
        }
        later = [
            (captioner, shard)
            for captioner, shard in self._list_later(chosen)
            if captioner is not None and shard.sha256 not in past and self._exists(shard)
        ]
        if not later:
            return None
        newest, _ = later[0]
        return UnfinishedRun(newest, tuple(shard for captioner, shard in later if captioner == newest))

    def _list_later(self, chosen: Manifest) -> Iterator[tuple[ModelRecord | None, ShardRecord]]:
        newest = self.manifests[max(self.manifests)]
        if newest.generation > chosen.generation:
            yield from _list_shards(newest)
        run = chosen.unfinished
        if self.is_newest_lost and (run is None or run.captioner == chosen.captioner):
            for shard in self._find_nameless():
                yield chosen.captioner, shard

    def _find_nameless(self) -> Iterator[ShardRecord]:
        """The shards that no manifest names, in the order in which they were written."""
        manifests = self.manifests.values()
        named = {file.path for manifest in manifests for file in list_files(self.index, manifest)}
        paths = [path for path in (self.index / "shards").glob("*.parquet") if path not in named]
        for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path)):
            if (shard := find_shard(path)) is not None:
                yield shard

    def _exists(self, shard: ShardRecord) -> bool:
        return shard_path(self.index, shard.sha256).exists()


def continue_run(before: UnfinishedRun | None, run: UnfinishedRun) -> UnfinishedRun:
    """One run of both; `before` is given up where another captioner's."""
    if before is None or before.captioner != run.captioner:
        return run
    return UnfinishedRun(run.captioner, (*before.shards, *run.shards))


def _list_shards(manifest: Manifest) -> Iterator[tuple[ModelRecord | None, ShardRecord]]:
    """Each shard that a manifest names, and under which captioner."""
    for shard in manifest.shards:
        yield manifest.captioner, shard
    if (run := manifest.unfinished) is not None:
        for shard in run.shards:
            yield run.captioner, shard
