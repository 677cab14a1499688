"""What a search answers. Reads and writes nothing."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ChannelHit:
    """A photo's place (from 1) and score in one channel."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One photo of an answer.

    `rank` counts from 1. A higher `score` is better; in the caption channel it is the cosine between query
    and caption, from -1 to 1. `path` is the first path the photo was found under, control characters escaped.
    `channels` says what each channel that was searched gave it.
    """

    rank: int
    score: float
    image_id: str
    path: str
    caption: str
    channels: dict[str, ChannelHit]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The answers to many queries as arrays, for an evaluation over millions of (query, photo) pairs.

    `image_ids` are all photos of the index, sorted. `photos_QK` int64 (queries, K) numbers them, best first,
    and `scores_QK` float32 goes with it; equal scores in order of `image_id`. Where a query has fewer than K
    photos, the rest is -1 with score -inf.
    """

    image_ids: tuple[str, ...]
    photos_QK: np.ndarray
    scores_QK: np.ndarray
