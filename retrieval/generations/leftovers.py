"""Whole shards that the generation a repair goes on with does not name. Reads them; writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.generations.inventory import list_files
from retrieval.store.manifest import Manifest, ModelRecord, ShardRecord, UnfinishedRun, is_same_model
from retrieval.store.shards import find_shard, read_captioner, shard_path


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
            if generation < chosen.generation and is_same_model(manifest.captioner, chosen.captioner)
            for shard in manifest.shards
            if shard.sha256 not in own and self._exists(shard)
        ]
        return tuple(dict.fromkeys(before))

    def find_later(self, chosen: Manifest) -> UnfinishedRun | None:
        """The shards that came after a generation, of the captioner that readers saw last.

        Where no manifest is left that says who that was, those that carry on the generation's own run, or of
        whom they say themselves. What earlier generations name is not among them: it was superseded.
        """
        past = {
            shard.sha256
            for generation, manifest in self.manifests.items()
            if generation <= chosen.generation
            for _, shard in _list_shards(manifest)
        }
        later = [
            (whose, shard)
            for named, shard in self._list_later(chosen)
            if shard.sha256 not in past and self._exists(shard)
            if (whose := read_captioner(self.index, shard) or named) is not None
        ]
        captioner = self._choose_captioner(chosen, [each for each, _ in later])
        shards = tuple(shard for each, shard in later if captioner and is_same_model(each, captioner))
        return UnfinishedRun(captioner, shards) if captioner and shards else None

    def _choose_captioner(self, chosen: Manifest, found: Sequence[ModelRecord]) -> ModelRecord | None:
        newest = self.manifests[max(self.manifests)]
        if newest.generation == chosen.generation and chosen.unfinished is not None:
            return chosen.unfinished.captioner
        last = newest.captioner
        return next((each for each in found if is_same_model(each, last)), found[0] if found else None)

    def _list_later(self, chosen: Manifest) -> Iterator[tuple[ModelRecord | None, ShardRecord]]:
        """Each such shard and, should it not say so itself, whose it is; None where nothing tells."""
        newest = self.manifests[max(self.manifests)]
        if newest.generation > chosen.generation:
            yield from _list_shards(newest)
        if self.is_newest_lost:
            run = chosen.unfinished
            is_own = run is None or is_same_model(run.captioner, chosen.captioner)
            named = chosen.captioner if is_own else None
            for shard in self._find_nameless():
                yield named, shard

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
    if before is None or not is_same_model(before.captioner, run.captioner):
        return run
    return UnfinishedRun(run.captioner, (*before.shards, *run.shards))


def _list_shards(manifest: Manifest) -> Iterator[tuple[ModelRecord | None, ShardRecord]]:
    """Each shard that a manifest names, and under which captioner."""
    for shard in manifest.shards:
        yield manifest.captioner, shard
    if (run := manifest.unfinished) is not None:
        for shard in run.shards:
            yield run.captioner, shard
