"""A collection and an engine of several channels whose every score can be read off."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from eval.collection import Collection, CorpusPhoto, Query
from retrieval.captioned_dataset import tokenize
from retrieval.hit import Ranking

CAPTIONS = (
    ("a brown dog jumps over a log", "a dog leaps over wood", "the dog is jumping"),
    ("a cat sleeps on a red sofa", "a cat on a couch", "the cat is asleep"),
    ("two children build a castle on the beach", "children play in sand", "kids at the sea"),
    ("a plate of pasta on a table", "dinner is served", "noodles with sauce"),
)


def write_collection(captions: Sequence[Sequence[str]] = CAPTIONS) -> Collection:
    """Photos `0.jpg`, `1.jpg`, … whose image_ids sort in another order than their numbers."""
    photos = tuple(
        CorpusPhoto(f"{9 - number}" * 64, (Path(f"images/{number}.jpg"),), tuple(map(tokenize, of_photo)))
        for number, of_photo in enumerate(captions)
    )
    queries = tuple(
        Query(f"{number}.jpg#{n}", text, number)
        for number, of_photo in enumerate(captions)
        for n, text in enumerate(of_photo)
    )
    return Collection("tiny", "test", photos, queries)


class TableEngine:
    """Answers with the scores of a table: channel → (queries of the collection, photos of the collection).

    None is the channel of a fused search. `spoil` may change an answer before it is given.
    """

    def __init__(self, collection: Collection, scores: dict[str | None, np.ndarray]) -> None:
        self._rows = {query.text: row for row, query in enumerate(collection.queries)}
        ids = [photo.image_id for photo in collection.photos]
        self._order = sorted(range(len(ids)), key=ids.__getitem__)
        self._image_ids = tuple(sorted(ids))
        self._scores = scores
        self.spoil: Callable[[Ranking], Ranking] = lambda ranking: ranking

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(channel for channel in self._scores if channel is not None)

    def rank(self, queries: Sequence[str], k: int | None = None, channel: str | None = None) -> Ranking:
        rows = [self._rows[text] for text in queries]
        scores_QN = self._scores[channel][np.ix_(rows, self._order)].astype(np.float32)
        photos_QK = np.argsort(-scores_QN, axis=1, kind="stable")[:, :k]
        return self.spoil(Ranking(self._image_ids, photos_QK, np.take_along_axis(scores_QN, photos_QK, 1)))


@pytest.fixture
def small_collection() -> Collection:
    return write_collection()


@pytest.fixture
def make_collection_of() -> Callable[[Sequence[Sequence[str]]], Collection]:
    """`write_collection`."""
    return write_collection


@pytest.fixture
def table_engine() -> type[TableEngine]:
    return TableEngine
