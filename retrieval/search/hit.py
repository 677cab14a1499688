"""What a search answers. Reads and writes nothing."""

from dataclasses import dataclass

import numpy as np

from retrieval.store.schema import Provenance


@dataclass(frozen=True, slots=True)
class ChannelHit:
    """A photo's place (from 1) and score in one channel, and what that added to the score of the hit.

    Beyond those that a search looks at in a channel, a thousand or more, what the last of them adds is added
    to every photo's score, to that of a hit without a place there as well.
    """

    rank: int
    score: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One photo of an answer.

    `rank` counts from 1. A higher `score` is better; in a vector channel it is the inner product of the unit
    vectors as they are searched: with the shipped head, in the caption channel, three quarters of the cosine
    in the head's space plus a quarter. `path` is the first path the photo was found under, control characters
    escaped. `channels` says what each channel that was searched gave it. `probability` is that of a person
    saying that the query describes the photo, None where it is not known (see `calibration`). `matched` are
    the words of the caption that are words of the query, but for their endings. `duplicates` are the
    image_ids of the photos that show the same and would have come after it, of those that were looked at: a
    search for more hits looks further. `provenance` says who wrote the caption. The photo is shown `width`
    times `height` pixels large; 0 where that is not known.
    """

    rank: int
    score: float
    image_id: str
    path: str
    caption: str
    channels: dict[str, ChannelHit]
    probability: float | None = None
    matched: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    provenance: Provenance = Provenance.MODEL
    width: int = 0
    height: int = 0


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
