"""The systems against people's grades: does a channel put photos that people grade higher above others?

Judged pairs and scores in, agreement out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.dataset.collection import EvalQuery
from eval.human_grades.graded import graded_ndcg
from eval.human_grades.judgements import JudgedPair
from eval.measures.bootstrap import PhotoBootstrap

CHANCE = "chance"

ScorePhotos = Callable[[Sequence[EvalQuery]], np.ndarray]
"""Queries → float32 (Q, P): what each photo of the collection scored."""


@dataclass(frozen=True, slots=True)
class HumanJudgement:
    """Agreement with people, over `pairs` judged pairs of this split (`outside_split` others were judged).

    `ndcg` is percent by system with 95 % intervals over photos, "chance" a random order; over `queries`
    captions, while all photos of `queries_alike` others have one grade. `kendall` is as
    `metric_correlation` gives it, without the `own_pairs` of a photo and a caption of its own.
    """

    pairs: int
    own_pairs: int
    outside_split: int
    queries: int
    queries_alike: int
    ndcg: Mapping[str, float]
    ndcg_ci95: Mapping[str, tuple[float, float]]
    kendall: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class GradedQuery:
    """A caption as a query, and its judged pairs."""

    query: EvalQuery
    pairs: tuple[JudgedPair, ...]

    @property
    def gains(self) -> np.ndarray:
        """int64 (pairs,): the sum of the three grades above the lowest, 0 to 9."""
        return np.array([sum(pair.grades) - 3 for pair in self.pairs], dtype=np.int64)


def group_by_query(pairs: Sequence[JudgedPair]) -> tuple[list[GradedQuery], int]:
    """The judged captions that can tell systems apart, and how many cannot: all their gains are the same."""
    by_query: dict[str, list[JudgedPair]] = {}
    for pair in pairs:
        by_query.setdefault(pair.query.name, []).append(pair)
    groups = [GradedQuery(each[0].query, tuple(each)) for each in by_query.values()]
    graded = [group for group in groups if np.ptp(group.gains)]
    return graded, len(groups) - len(graded)


def measure_graded(
    graded: Sequence[GradedQuery], systems: Mapping[str, ScorePhotos]
) -> dict[str, np.ndarray]:
    """NDCG in percent by system, per query (Q,), over each query's judged photos alone."""
    values = {CHANCE: [graded_ndcg(np.zeros(len(group.pairs)), group.gains) for group in graded]}
    for name, score in systems.items():
        scores_QP = score([group.query for group in graded])
        values[name] = [
            graded_ndcg(scores_P[[pair.photo for pair in group.pairs]], group.gains)
            for scores_P, group in zip(scores_QP, graded, strict=True)
        ]
    return {name: 100 * np.array(each) for name, each in values.items()}


def judge_systems(
    pairs: Sequence[JudgedPair],
    outside_split: int,
    systems: Mapping[str, ScorePhotos],
    resamples: int,
    seed: int,
) -> HumanJudgement:
    """The agreement of systems with people; `kendall` is empty."""
    graded, alike = group_by_query(pairs)
    values = measure_graded(graded, systems) if graded else {}
    intervals = {}
    if graded:
        # Queries of one photo are drawn together, as everywhere.
        _, photo_Q = np.unique([group.query.photo for group in graded], return_inverse=True)
        bootstrap = PhotoBootstrap(photo_Q, resamples, seed)
        intervals = {name: bootstrap.interval_of_mean(each) for name, each in values.items()}
    return HumanJudgement(
        pairs=len(pairs),
        own_pairs=sum(pair.is_own for pair in pairs),
        outside_split=outside_split,
        queries=len(graded),
        queries_alike=alike,
        ndcg={name: float(each.mean()) for name, each in values.items()},
        ndcg_ci95=intervals,
        kendall={},
    )
