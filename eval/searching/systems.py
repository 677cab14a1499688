"""The systems that an index offers, and what is taken down of each. Reads an opened index, writes runs.

A system is a channel on its own or, where there are several, all of them fused as a search without a channel
fuses them, fused by their reciprocal ranks beside it, and the former ranked again where that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.searching.placements import Placements, join_placements, place_relevant
from eval.searching.scored_queries import RankingEngine, ScoredQueries
from eval.searching.trec import RunWriter
from retrieval.channel import Channel
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


class SystemRecorder:
    """Takes down what a system scores, batch by batch: in its run, and where the right photos came."""

    def __init__(self, run: RunWriter) -> None:
        self._run = run
        self._parts, self._own_scores = list[Placements](), list[np.ndarray]()

    def record(self, scored: ScoredQueries) -> None:
        """The next queries."""
        self._parts.append(place_relevant(scored.scores_QP, [[query.photo] for query in scored.queries]))
        self._own_scores.append(scored.own_scores)
        self._run.write(scored)

    def finish(self) -> SystemRun:
        """All that was recorded."""
        return SystemRun(join_placements(self._parts), np.concatenate(self._own_scores))


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
