"""The systems that an index offers, and the engine that each asks. Reads an opened index.

A system is a channel on its own or, where there are several, all of them fused as a search without a channel
fuses them, fused by their reciprocal ranks beside it, and the former ranked again where that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.dataset.preparation import Subject
from eval.searching.scored_queries import RankingEngine
from retrieval.channel import Channel
from retrieval.search.engine import SearchEngine
from retrieval.search.fusion import FusionConfig, FusionMethod
from retrieval.search.hit import Ranking
from retrieval.search.reranking import Reranker

FUSED = "fused"
RECIPROCAL = str(FusionMethod.RECIPROCAL_RANK)
RERANKED = "reranked"


@dataclass(frozen=True, slots=True)
class RerankingEngine:
    """A `RankingEngine`: the engine as it answers with a re-ranker, which is fused and nothing else."""

    engine: SearchEngine
    reranker: Reranker

    def rank(self, queries: Sequence[str], k: int | None = None, channel: str | None = None) -> Ranking:
        """As `RankingEngine.rank`."""
        return self.engine.rank(queries, k, channel, reranker=self.reranker)


def list_systems(engine: SearchEngine) -> dict[str, str | None]:
    """The systems that the engine itself answers, and the `channel` of each; None is all of them fused."""
    systems: dict[str, str | None] = {str(channel): str(channel) for channel in engine.channels}
    return systems | {FUSED: None} if len(systems) > 1 else systems


def assign_engines(
    engine: SearchEngine, reranker: Reranker | None
) -> dict[str, tuple[RankingEngine, str | None]]:
    """Whom each system asks, and for which of the channels; None is all of them fused.

    Those of `list_systems` ask `engine`; beside them are others that fuse or rank its answers otherwise.
    """
    systems = dict[str, tuple[RankingEngine, str | None]]()
    for name, channel in list_systems(engine).items():
        systems[name] = engine, channel
    if FUSED in systems:
        systems[RECIPROCAL] = fuse_by_reciprocal_ranks(engine), None
    if reranker is not None:
        systems[RERANKED] = RerankingEngine(engine, reranker), None
    return systems


def fuse_by_reciprocal_ranks(engine: SearchEngine) -> SearchEngine:
    """The same index with what every channel says counting alike (Cormack, Clarke and Büttcher 2009)."""
    weights = {str(channel): 1.0 for channel in Channel}
    return engine.with_fusion(FusionConfig(method=FusionMethod.RECIPROCAL_RANK, **weights))


def pick_headline(systems: dict[str, str | None]) -> str:
    """The system that a search without further ado uses."""
    return FUSED if FUSED in systems else next(iter(systems))


def list_vector_channels(subject: Subject) -> list[str]:
    """The channels whose score is a similarity of vectors, so that sentences can be compared by it."""
    vectors = {record.channel for record in subject.manifest.vectors}
    return [str(channel) for channel in subject.engine.channels if channel in vectors]
