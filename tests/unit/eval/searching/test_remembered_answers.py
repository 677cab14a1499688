"""A channel is asked once for what several systems ask, with the answers that it gives itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.searching.remembered_answers import RememberingSearcher
from retrieval.search.engine import SearchEngine
from retrieval.text.queries import Queries

PHOTOS = {b"/a.jpg": "a dog on a log", b"/b.jpg": "a cat on a sofa", b"/c.jpg": "a plate of pasta"}


class Counting:
    """A channel of three photos that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def search(self, queries: Queries, k: int, allowed_P: np.ndarray | None = None) -> tuple[Any, Any]:
        self.asked += 1
        scores_QK = np.full((len(queries.texts), k), self.asked, dtype=np.float32)
        return scores_QK, np.zeros((len(queries.texts), k), dtype=np.int64)


def ask(*texts: str) -> Queries:
    return Queries(texts, np.eye(len(texts), 4, dtype=np.float32))


def test_the_last_question_is_not_asked_again() -> None:
    channel = Counting()
    searcher = RememberingSearcher(channel)
    first = searcher.search(ask("a", "b"), 2)
    assert searcher.search(ask("a", "b"), 2) is first
    assert channel.asked == 1
    for number, (queries, k) in enumerate([(ask("a"), 2), (ask("a"), 3), (ask("a", "b"), 3)], start=2):
        assert (searcher.search(queries, k)[0] == number).all()


def test_what_is_asked_under_a_filter_is_asked_anew() -> None:
    channel = Counting()
    searcher = RememberingSearcher(channel)
    searcher.search(ask("a"), 2)
    allowed_P = np.array([True, False, True])
    assert [searcher.search(ask("a"), 2, allowed_P)[0][0, 0] for _ in range(2)] == [2, 3]
    assert searcher.search(ask("a"), 2)[0][0, 0] == 1


def test_a_remembered_answer_cannot_be_changed() -> None:
    scores_QK, numbers_QK = RememberingSearcher(Counting()).search(ask("a"), 2)
    for each in (scores_QK, numbers_QK):
        with pytest.raises(ValueError, match="read-only"):
            each[0, 0] = 9


def test_an_engine_answers_as_before(tmp_path: Path, make_index: Any, word_encoder: Any) -> None:
    make_index(tmp_path, PHOTOS, word_encoder)
    engine = SearchEngine.open(tmp_path, word_encoder, "cpu")
    remembering = engine.with_searchers(RememberingSearcher)
    for texts in (["a dog", "pasta"], ["a dog", "pasta"], ["a cat"]):
        for channel in (None, "caption"):
            expected, found = engine.rank(texts, None, channel), remembering.rank(texts, None, channel)
            np.testing.assert_array_equal(found.photos_QK, expected.photos_QK)
            np.testing.assert_array_equal(found.scores_QK, expected.scores_QK)
