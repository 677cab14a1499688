"""Whole shards that the generation a repair goes on with does not name. Reads them; writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.generations.inventory import list_nameless_shards
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

    def find_later(self, chosen: Manifest) -> tuple[tuple[ShardRecord, ...], UnfinishedRun | None]:
        """What came after a generation: the shards that belong to it, and its run that has not ended.

        A shard is of the captioner that it names, else of the one that the newest manifest names it under.
        Of the generation's own captioner it belongs to the generation; if that has a run of this captioner,
        to the run. Where nothing tells whose it is, it waits as one by the generation's own captioner, unless
        the generation has another's run. Of all that waits, the shards of the generation's run first, one
        captioner's are the run: that of the newest generation's run, if any are its; else the newest
        generation's captioner; else whoever wrote first. The others stay out, and so does what this and
        earlier generations name, which was superseded.
        """
        run = chosen.unfinished
        is_own_run = run is not None and is_same_model(run.captioner, chosen.captioner)
        own: list[ShardRecord] = []
        waiting = [(run.captioner, shard) for shard in run.shards] if run else []
        for whose, shard in self._list_later(chosen):
            if whose is None and (run is None or is_own_run):
                waiting.append((chosen.captioner, shard))
            elif whose is not None and is_same_model(whose, chosen.captioner) and not is_own_run:
                own.append(shard)
            elif whose is not None:
                waiting.append((whose, shard))
        return tuple(own), self._continue_run(waiting)

    def _continue_run(self, waiting: Sequence[tuple[ModelRecord, ShardRecord]]) -> UnfinishedRun | None:
        newest = self.manifests[max(self.manifests)]
        last = [newest.unfinished.captioner] if newest.unfinished else []
        for captioner in (*last, newest.captioner, *(whose for whose, _ in waiting)):
            shards = tuple(shard for whose, shard in waiting if is_same_model(whose, captioner))
            if shards:
                return UnfinishedRun(captioner, shards)
        return None

    def _list_later(self, chosen: Manifest) -> Iterator[tuple[ModelRecord | None, ShardRecord]]:
        """Each shard that came after, and whose it is; None where nothing tells."""
        newest = self.manifests[max(self.manifests)]
        if newest.generation > chosen.generation:
            past = {
                shard.sha256
                for generation, manifest in self.manifests.items()
                if generation <= chosen.generation
                for _, shard in _list_shards(manifest)
            }
            for named, shard in _list_shards(newest):
                if shard.sha256 not in past and self._exists(shard):
                    yield read_captioner(self.index, shard) or named, shard
        if self.is_newest_lost:
            for shard in self._find_nameless():
                yield read_captioner(self.index, shard), shard

    def _find_nameless(self) -> Iterator[ShardRecord]:
        """The shards that no manifest names, in the order in which they were written."""
        paths = list_nameless_shards(self.index, self.manifests.values())
        for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path)):
            if (shard := find_shard(path)) is not None:
                yield shard

    def _exists(self, shard: ShardRecord) -> bool:
        return shard_path(self.index, shard.sha256).exists()


def _list_shards(manifest: Manifest) -> Iterator[tuple[ModelRecord, ShardRecord]]:
    """Each shard that a manifest names, and under which captioner."""
    for shard in manifest.shards:
        yield manifest.captioner, shard
    if (run := manifest.unfinished) is not None:
        for shard in run.shards:
            yield run.captioner, shard
