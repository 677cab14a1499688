"""Several channels' answers → one. Reads and writes nothing.

Shapes: Q queries, K photos of a channel's answer, P photos of the index.
"""

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from retrieval.channel import Channel
from retrieval.config import Config


class FusionConfig(Config):
    """The weight of each channel's scores in the fused one; a channel that an index lacks counts for nothing.

    Chosen on Flickr8k's validation split: the image channel alone has Recall@1 / 5 / 10 of 30.5 / 62.3 /
    73.8, with the caption at 0.1 30.6 / 62.0 / 74.2, and at 0.3 29.5 / 60.7 / 72.8.
    """

    caption: float = Field(0.1, ge=0)
    image: float = Field(1.0, ge=0)
    lexical: float = Field(0.0, ge=0)

    def weight(self, channel: Channel) -> float:
        """How much the channel counts."""
        return float(getattr(self, channel.value))


def fuse_scores(
    answers: Mapping[Channel, tuple[np.ndarray, np.ndarray]], config: FusionConfig, photos: int
) -> np.ndarray:
    """Weighted sums of the channels' scores, float32 (Q, P); higher is better.

    `answers` holds each channel's scores (Q, K) and photos' numbers (Q, K), -1 where there are fewer than K.
    A photo that a channel's answer leaves out counts with the lowest score in it: it has that at most.
    """
    queries = len(next(iter(answers.values()))[0])
    fused_QP = np.zeros((queries, photos), dtype=np.float32)
    for channel, (scores_QK, numbers_QK) in answers.items():
        found_QK = numbers_QK >= 0
        lowest_Q1 = np.where(found_QK, scores_QK, np.inf).min(axis=1, keepdims=True)
        lowest_Q1[~np.isfinite(lowest_Q1)] = 0.0
        scores_QP = spread_scores(scores_QK, numbers_QK, photos, lowest_Q1)
        fused_QP += config.weight(channel) * scores_QP
    return fused_QP


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
