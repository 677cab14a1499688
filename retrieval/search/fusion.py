"""Several channels' answers → one. Reads and writes nothing.

Shapes: Q queries, K photos of a channel's answer, P photos of the index.
"""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from pydantic import Field

from retrieval.channels.channel import Channel
from retrieval.config import Config

# Of the reciprocal ranks (Cormack, Clarke and Büttcher 2009).
_RANK_CONSTANT = 60

Answer = tuple[np.ndarray, np.ndarray]
"""One channel's scores (Q, K) and photos' numbers (Q, K), best first, -1 where there are fewer than K."""


class FusionMethod(StrEnum):
    """What of the channels' answers is added up."""

    WEIGHTED = "weighted"
    RECIPROCAL_RANK = "reciprocal_rank"


class FusionConfig(Config):
    """How channels are fused, and how much each counts; one that an index lacks counts for nothing.

    The defaults were chosen on Flickr8k's validation split; configs/search.toml says by which run.
    """

    method: FusionMethod = FusionMethod.WEIGHTED
    caption: float = Field(0.1, ge=0)
    image: float = Field(1.0, ge=0)
    lexical: float = Field(0.06, ge=0)

    def weight(self, channel: Channel) -> float:
        """How much the channel counts."""
        return float(getattr(self, channel.value))


def fuse_answers(answers: Mapping[Channel, Answer], config: FusionConfig, photos: int) -> np.ndarray:
    """What all channels together score each photo, float32 (Q, P); higher is better."""
    fuse = _sum_scores if config.method is FusionMethod.WEIGHTED else _sum_reciprocal_ranks
    return fuse(answers, config, photos)


def _sum_scores(answers: Mapping[Channel, Answer], config: FusionConfig, photos: int) -> np.ndarray:
    """Weighted sums of scores, which channels give on comparable scales: cosines, and shares of the words.

    A photo that a channel's answer leaves out counts as `score_left_out` says.
    """
    fused_QP = np.zeros((_count_queries(answers), photos), dtype=np.float32)
    for channel, (scores_QK, numbers_QK) in answers.items():
        left_out_Q1 = score_left_out(channel, scores_QK, numbers_QK)
        fused_QP += config.weight(channel) * spread_scores(scores_QK, numbers_QK, photos, left_out_Q1)
    return fused_QP


def score_left_out(channel: Channel, scores_QK: np.ndarray, numbers_QK: np.ndarray) -> np.ndarray:
    """What a channel's answer says of the photos that it leaves out, (Q, 1): they score its lowest at most.

    But where fewer photos than were asked for have any of a query's words, the others score 0.
    """
    found_QK = numbers_QK >= 0
    lowest_Q1: np.ndarray = np.where(found_QK, scores_QK, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    if channel is Channel.LEXICAL:
        lowest_Q1[~found_QK.all(axis=1)] = 0.0
    lowest_Q1[~np.isfinite(lowest_Q1)] = 0.0
    return lowest_Q1


def _sum_reciprocal_ranks(answers: Mapping[Channel, Answer], config: FusionConfig, photos: int) -> np.ndarray:
    """Weighted sums of 1 / (60 + rank), the best photo of a channel having rank 1; 0 where it has no rank."""
    fused_QP = np.zeros((_count_queries(answers), photos), dtype=np.float32)
    for channel, (_, numbers_QK) in answers.items():
        reciprocal_K = 1 / (_RANK_CONSTANT + np.arange(1, numbers_QK.shape[1] + 1))
        reciprocal_QK = np.broadcast_to(reciprocal_K, numbers_QK.shape)
        fused_QP += config.weight(channel) * spread_scores(reciprocal_QK, numbers_QK, photos, 0.0)
    return fused_QP


def _count_queries(answers: Mapping[Channel, Answer]) -> int:
    return len(next(iter(answers.values()))[0])


def spread_scores(
    scores_QK: np.ndarray, numbers_QK: np.ndarray, photos: int, missing_Q1: np.ndarray | float
) -> np.ndarray:
    """The scores by photo instead of by place, float32 (Q, photos); `missing_Q1` where one has no place."""
    scores_QP = np.empty((len(scores_QK), photos + 1), dtype=np.float32)
    scores_QP[:] = missing_Q1
    # A place that no photo fills has the number -1: the last column, which is cut off.
    np.put_along_axis(scores_QP, numbers_QK, scores_QK.astype(np.float32), axis=1)
    return scores_QP[:, :photos]


def rank_scores(scores_QP: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(scores (Q, k), photos' numbers int64 (Q, k)) of the best, equal scores in order of number."""
    order_QK = np.argsort(-scores_QP, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores_QP, order_QK, axis=1), order_QK
