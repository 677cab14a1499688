"""The caption channel's oracle: what if a person had written each photo's one caption? Writes nothing.

Each query is searched in a corpus where every photo is represented by one human caption, encoded by the
same text encoder and searched by the same exact vector index. That caption is never the query itself: query
number n of a photo (from 0) meets corpus number n + 1, in which every photo stands with its caption of that
number, counted cyclically (number r of a photo with m captions is caption r modulo m). So every query is
used once and is paired with the same query of the other systems.
"""

import numpy as np

from eval.dataset.collection import Collection
from eval.searching.placements import Placements, join_placements, place_relevant
from retrieval.channels.flat_index import FlatIndex
from retrieval.search.fusion import scatter_scores
from retrieval.text.text_encoder import TextEncoder

CEILING = "human caption"
_QUERIES_AT_ONCE = 64


def number_captions(collection: Collection) -> list[int]:
    """The number of each query among those of its photo, from 0."""
    seen = [0] * len(collection.photos)
    numbers = []
    for query in collection.queries:
        numbers.append(seen[query.photo])
        seen[query.photo] += 1
    return numbers


def place_by_human_captions(collection: Collection, encoder: TextEncoder) -> Placements | None:
    """Where the right photos come; None where a photo has a single caption, which no other can stand for."""
    numbers = number_captions(collection)
    captions: list[list[str]] = [[] for _ in collection.photos]
    for query in collection.queries:
        captions[query.photo].append(query.text)
    if min(map(len, captions)) < 2:
        return None
    rounds = [
        (number + 1) % len(captions[query.photo])
        for query, number in zip(collection.queries, numbers, strict=True)
    ]
    order, parts = list[int](), list[Placements]()
    for round_number in sorted(set(rounds)):
        texts = [of_photo[round_number % len(of_photo)] for of_photo in captions]
        corpus = FlatIndex.build(encoder.encode(texts), np.arange(len(texts)))
        members = [query for query, each in enumerate(rounds) if each == round_number]
        order += members
        for start in range(0, len(members), _QUERIES_AT_ONCE):
            batch = [collection.queries[query] for query in members[start : start + _QUERIES_AT_ONCE]]
            scores, photos = corpus.search(encoder.encode([query.text for query in batch]), len(texts))
            parts.append(
                place_relevant(
                    scatter_scores(scores, photos, len(texts), -np.inf), [[q.photo] for q in batch]
                )
            )
    return _reorder(join_placements(parts), np.array(order))


def _reorder(placements: Placements, order_Q: np.ndarray) -> Placements:
    """The placements in the collection's order, of one judgement each."""
    back_Q = np.argsort(order_Q)
    return Placements(
        placements.queries,
        np.arange(placements.queries),
        placements.above_J[back_Q],
        placements.tied_J[back_Q],
    )
