"""The first photos of every sentence, with what its channels gave each. Reads an opened index.

Shapes: Q sentences of a batch, P photos of the collection, K hits of a sentence, N hits of all sentences.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.dataset.collection import Collection
from eval.searching.scored_queries import RankingEngine, search_collection
from retrieval.progress import Progress

HITS = 10


@dataclass(frozen=True, slots=True, eq=False)
class FirstHits:
    """Each hit's sentence and photo, by number, int64 (N,), and its score in each channel, float32 (N,)."""

    sentence_N: np.ndarray
    photo_N: np.ndarray
    scores: Mapping[str, np.ndarray]


def find_first_hits(
    engine: RankingEngine,
    collection: Collection,
    ranked_by: str | None,
    channels: Sequence[str],
    queries_per_batch: int,
    progress: Progress,
) -> FirstHits:
    """Each sentence's first ten photos in the channel `ranked_by`, None being all of them fused.

    `channels` are those whose scores are wanted.
    """
    wanted = [ranked_by, *channels]
    streams = [search_collection(engine, collection, name, queries_per_batch, progress) for name in wanted]
    photos, scores = list[np.ndarray](), {name: list[np.ndarray]() for name in channels}
    for ranked, *scored in zip(*streams, strict=True):
        first_QK = np.argsort(-ranked.scores_QP, axis=1, kind="stable")[:, :HITS]
        photos.append(first_QK)
        for name, batch in zip(channels, scored, strict=True):
            scores[name].append(np.take_along_axis(batch.scores_QP, first_QK, axis=1))
    photo_QK = np.concatenate(photos)
    return FirstHits(
        np.repeat(np.arange(len(photo_QK)), photo_QK.shape[1]),
        photo_QK.ravel(),
        {name: np.concatenate(parts).ravel() for name, parts in scores.items()},
    )
