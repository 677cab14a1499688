"""Several channels' answers → one. Reads and writes nothing.

Shapes: Q queries, K photos of a channel's answer, P photos of the index.
"""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from pydantic import Field

from retrieval.channel import Channel
from retrieval.channels.best_scores import find_best, sort_best
from retrieval.config import Config

# k of reciprocal rank fusion (RRF; Cormack, Clarke and Büttcher 2009).
_RANK_CONSTANT = 60

Answer = tuple[np.ndarray, np.ndarray]
"""One channel's scores (Q, K) and photos' numbers (Q, K), best first, -1 where there are fewer than K."""


class FusionMethod(StrEnum):
    """A weighted sum of scores, or reciprocal rank fusion."""

    WEIGHTED = "weighted"
    RECIPROCAL_RANK = "reciprocal_rank"


class FusionConfig(Config):
    """How channels are fused, and how much each counts; one that an index lacks counts for nothing.

    The defaults were chosen on Flickr8k's validation split; RESULTS.md says what others give.
    """

    method: FusionMethod = FusionMethod.WEIGHTED
    caption: float = Field(default=0.1, ge=0)
    image: float = Field(default=1.0, ge=0)
    lexical: float = Field(default=0.06, ge=0)

    def weight(self, channel: Channel) -> float:
        """How much the channel counts."""
        return float(getattr(self, channel.value))


def weigh_answers(
    answers: Mapping[Channel, Answer], by_photo: Mapping[Channel, np.ndarray], config: FusionConfig
) -> dict[Channel, np.ndarray]:
    """What each channel adds to the photos' scores, float32 (Q, P); higher is better.

    `by_photo` is what `scatter_answer` gives of each. Scores are on comparable scales: cosines, and of
    the words about 1 where a photo's texts hold each once, more where they recur. Of reciprocal ranks,
    1 / (60 + rank), a photo without a rank adds 0.
    """
    if config.method is FusionMethod.WEIGHTED:
        return {name: config.weight(name) * scores_QP for name, scores_QP in by_photo.items()}
    added = {}
    for name, (_, numbers_QK) in answers.items():
        reciprocal_K = 1 / (_RANK_CONSTANT + np.arange(1, numbers_QK.shape[1] + 1))
        reciprocal_QK = np.broadcast_to(reciprocal_K, numbers_QK.shape)
        photos = by_photo[name].shape[1]
        added[name] = config.weight(name) * scatter_scores(reciprocal_QK, numbers_QK, photos, 0.0)
    return added


def scatter_answer(channel: Channel, answer: Answer, photos: int) -> np.ndarray:
    """What a channel scores each photo, float32 (Q, P).

    Those that its answer leaves out score its lowest: they score that at most. But where fewer photos than
    were asked for have any of a query's words, the others score 0.
    """
    scores_QK, numbers_QK = answer
    found_QK = numbers_QK >= 0
    lowest_Q1: np.ndarray = np.where(found_QK, scores_QK, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    if channel is Channel.LEXICAL:
        lowest_Q1[~found_QK.all(axis=1)] = 0.0
    lowest_Q1[~np.isfinite(lowest_Q1)] = 0.0
    return scatter_scores(scores_QK, numbers_QK, photos, lowest_Q1)


def scatter_scores(
    scores_QK: np.ndarray, numbers_QK: np.ndarray, photos: int, missing_Q1: np.ndarray | float
) -> np.ndarray:
    """The scores by photo instead of by place, float32 (Q, photos); `missing_Q1` where one has no place."""
    scores_QP = np.empty((len(scores_QK), photos + 1), dtype=np.float32)
    scores_QP[:] = missing_Q1
    # A place that no photo fills has the number -1: the last column, which is cut off.
    scores_QP[np.arange(len(scores_QK))[:, None], numbers_QK] = scores_QK
    return scores_QP[:, :photos]


def rank_scores(scores_QP: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(scores (Q, k), photos' numbers int64 (Q, k)) of the best, equal scores in order of number."""
    k = min(k, scores_QP.shape[1])
    scores_QK = np.empty((len(scores_QP), k), dtype=np.float32)
    numbers_QK = np.empty((len(scores_QP), k), dtype=np.int64)
    for query, scores_P in enumerate(scores_QP):
        best = find_best(scores_P, k)
        scores_QK[query], numbers_QK[query] = sort_best(scores_P[best], best, k)
    return scores_QK, numbers_QK
