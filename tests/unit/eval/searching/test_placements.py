"""Placements by hand, and what is refused."""

import numpy as np
import pytest

from eval.searching.placements import place_relevant
from retrieval.errors import DatasetError, RetrievalError

SCORES = np.array([[0.1, 0.9, 0.5, 0.5], [0.7, 0.7, 0.7, 0.2]], dtype=np.float32)


def test_counts_photos_above_and_photos_tied() -> None:
    placements = place_relevant(SCORES, [[1, 2], [0]])
    assert placements.queries == 2
    assert placements.query_J.tolist() == [0, 0, 1]
    assert placements.above_J.tolist() == [0, 1, 0]
    assert placements.tied_J.tolist() == [1, 2, 3]


def test_refuses_nan_which_nothing_would_be_above() -> None:
    scores = SCORES.copy()
    scores[1, 0] = np.nan
    with pytest.raises(RetrievalError, match="1 of 2 queries have NaN scores, the first is number 1"):
        place_relevant(scores, [[1], [0]])


@pytest.mark.parametrize(
    ("relevant", "message"),
    [
        ([[1]], "right photos of 1 queries for the scores of 2"),
        ([[1], [0], [0]], "right photos of 3 queries for the scores of 2"),
        ([[1], []], "query number 1 has no right photo"),
        (
            [[1], [0, 0]],
            r"query number 1 has the right photos \[0, 0\]; expected different numbers from 0 to 3",
        ),
        ([[4], [0]], r"query number 0 has the right photos \[4\]"),
        ([[1], [-1]], r"query number 1 has the right photos \[-1\]"),
    ],
)
def test_refuses_judgements_that_cannot_be(relevant: list[list[int]], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        place_relevant(SCORES, relevant)
