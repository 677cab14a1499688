"""The systems that an index offers, and what each does with every query. Reads an opened index, writes runs.

A system is a channel on its own or, where there are several, all of them fused as a search without a channel
fuses them, fused by their reciprocal ranks beside it, and the former ranked again where that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.collection import Collection
from eval.kept_scores import KeptScores
from eval.placements import Placements, join_placements, place_relevant
from eval.search import RankingEngine, search_collection
from eval.trec import open_run
from retrieval.channels.channel import Channel
from retrieval.progress import Progress
from retrieval.search.engine import SearchEngine
from retrieval.search.fusion import FusionConfig, FusionMethod
from retrieval.search.hit import Ranking
from retrieval.search.reranking import Reranker

FUSED = "fused"
RECIPROCAL = str(FusionMethod.RECIPROCAL_RANK)
RERANKED = "reranked"


@dataclass(frozen=True, slots=True, eq=False)
class SystemRun:
    """Where each query's photo came, and float32 (queries,) the score that it was given (-inf: no answer)."""

    placements: Placements
    own_scores: np.ndarray


@dataclass(frozen=True, slots=True)
class RerankingEngine:
    """A `RankingEngine`: the engine as it answers with a re-ranker, which is fused and nothing else."""

    engine: SearchEngine
    reranker: Reranker
    channels: tuple[str, ...] = ()

    def rank(self, queries: Sequence[str], k: int | None = None, channel: str | None = None) -> Ranking:
        """As `RankingEngine.rank`."""
        return self.engine.rank(queries, k, channel, reranker=self.reranker)


def list_systems(engine: RankingEngine) -> dict[str, str | None]:
    """The engine's `channel` of each system, by the system's name; None is all channels fused."""
    systems: dict[str, str | None] = {str(channel): str(channel) for channel in engine.channels}
    return systems | {FUSED: None} if len(systems) > 1 else systems


def fuse_by_reciprocal_ranks(engine: SearchEngine) -> SearchEngine:
    """The same index with what every channel says counting alike (Cormack, Clarke and Büttcher 2009)."""
    weights = {str(channel): 1.0 for channel in Channel}
    return engine.with_fusion(FusionConfig(method=FusionMethod.RECIPROCAL_RANK, **weights))


def pick_headline(systems: dict[str, str | None]) -> str:
    """The system that a search without further ado uses."""
    return FUSED if FUSED in systems else next(iter(systems))


def run_system(
    engine: RankingEngine,
    collection: Collection,
    system: tuple[str, str | None],
    run_file: tuple[Path, int],
    progress: Progress,
    queries_per_batch: int = 64,
    kept: KeptScores | None = None,
) -> SystemRun:
    """Search for all queries and write the run.

    `system` is a name and the channel behind it, `run_file` a path and how many photos per query it lists;
    the scores go to `kept` as well.
    """
    name, channel = system
    path, depth = run_file
    parts, own_scores = list[Placements](), list[np.ndarray]()
    with open_run(path, collection, name, depth) as run:
        for scored in search_collection(engine, collection, channel, queries_per_batch, progress):
            photos = [query.photo for query in scored.queries]
            parts.append(place_relevant(scored.scores_QP, [[photo] for photo in photos]))
            own_scores.append(scored.scores_QP[np.arange(len(photos)), photos])
            run.write(scored)
            if kept is not None:
                kept.keep(scored)
    return SystemRun(join_placements(parts), np.concatenate(own_scores))
