"""Every query of a collection through the engine that users call. Reads an opened index, yields scores.

Shape suffixes: Q queries of a batch, P photos of the collection, N photos of the index, K places of an
answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from eval.dataset.collection import Collection, EvalQuery, locate_photos
from retrieval.channels.flat_index import FlatIndex
from retrieval.errors import RetrievalError
from retrieval.naming import name_first
from retrieval.progress import Progress, no_progress
from retrieval.search.fusion import scatter_scores
from retrieval.search.hit import Ranking
from retrieval.search.ranker import CANDIDATES
from retrieval.store.manifest import Manifest


class RankingEngine(Protocol):
    """What an evaluation asks of `retrieval.SearchEngine`."""

    def rank(self, queries: Sequence[str], k: int | None = None, channel: str | None = None) -> Ranking:
        """The k best photos (all without k) of a channel, or without a channel of all of them fused."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ScoredQueries:
    """Consecutive queries and, float32 (Q, P), what each photo of the collection scored; -inf: none."""

    queries: tuple[EvalQuery, ...]
    scores_QP: np.ndarray

    @property
    def own_scores(self) -> np.ndarray:
        """Float32 (Q,): what each query's own photo scored."""
        return self.scores_QP[np.arange(len(self.queries)), [query.photo for query in self.queries]]


def pick_depth(collection: Collection, indexed: int) -> int | None:
    """How many photos of each answer are looked at: as many as a search fuses.

    All (None) where others than the collection's are among the `indexed` photos, which may be the first.
    """
    return CANDIDATES if indexed == len(collection.photos) else None


def describe_depth(collection: Collection, manifest: Manifest) -> tuple[str, ...]:
    """What a reader must know of the ranks where they are fewer than the photos, or more than a search's."""
    photos, depth = len(collection.photos), pick_depth(collection, manifest.photos)
    if depth is None:
        return _describe_all(photos, manifest)
    if photos <= depth:
        return ()
    return (
        f"Of the {photos:,} photos the first {depth:,} of each answer are ranked, as many as a search fuses; "
        "the others are tied behind them.",
    )


def _describe_all(photos: int, manifest: Manifest) -> tuple[str, ...]:
    """Nothing where a search looks at all of them as well."""
    if manifest.photos <= CANDIDATES:
        return ()
    by, found = "", ""
    if any(record.kind != FlatIndex.kind for record in manifest.vectors):
        by, found = ", by exact search", ", as its approximate index finds them"
    return (
        f"The index holds more photos than the {photos:,} of the split, so each channel scores all "
        f"{manifest.photos:,}{by}; a search fuses the first {CANDIDATES:,} of each{found}.",
    )


def search_collection(
    engine: RankingEngine,
    collection: Collection,
    channel: str | None,
    queries_per_batch: int,
    progress: Progress = no_progress,
    depth: int | None = None,
) -> Iterator[ScoredQueries]:
    """The scores of all queries, batch by batch; photos that are only in the index compete for nothing.

    Without a `channel` all of them answer, fused. `depth` is as in `score_photos`. `RetrievalError` where an
    answer is not a ranking.
    """
    queries = collection.queries
    for start in range(0, len(queries), queries_per_batch):
        batch = queries[start : start + queries_per_batch]
        yield ScoredQueries(batch, score_photos(engine, collection, batch, channel, depth))
        progress(f"Searching {channel or 'all channels'}", start + len(batch), len(queries))


def score_photos(
    engine: RankingEngine,
    collection: Collection,
    queries: Sequence[EvalQuery],
    channel: str | None,
    depth: int | None = None,
) -> np.ndarray:
    """float32 (Q, P): what each photo of the collection scored for each query, -inf where it is no answer.

    The answer is the first `depth` photos of the index, found as any search finds them. Without a `depth` it
    is all of them, for which even an approximate index compares every vector.
    """
    ranking = engine.rank([query.text for query in queries], depth, channel)
    _refuse_bad_ranking(ranking, queries)
    scores_QN = scatter_scores(ranking.scores_QK, ranking.photos_QK, len(ranking.image_ids), -np.inf)
    return scores_QN[:, locate_photos(collection, ranking.image_ids)]


def _refuse_bad_ranking(ranking: Ranking, queries: Sequence[EvalQuery]) -> None:
    """A photo that is listed twice, that is unknown, or whose score is NaN would be measured as something."""
    photos_QK, count = ranking.photos_QK, len(ranking.image_ids)
    sorted_QK = np.sort(photos_QK, axis=1)
    repeated_QK = (sorted_QK[:, 1:] == sorted_QK[:, :-1]) & (sorted_QK[:, 1:] >= 0)
    for wrong, what in (
        (np.isnan(ranking.scores_QK), "have NaN scores"),
        ((photos_QK < -1) | (photos_QK >= count), "are answered with unknown photos"),
        (repeated_QK, "are answered with the same photo twice"),
    ):
        if (rows := np.flatnonzero(wrong.any(axis=1))).size:
            names = name_first([queries[row].name for row in rows.tolist()])
            raise RetrievalError(
                f"{rows.size} of {len(queries)} queries {what} ({names}); expected every photo at most once, "
                "with a number for its score: verify the index, or index again"
            )
