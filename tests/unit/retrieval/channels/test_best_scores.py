"""The best of many scores, against sorting them all."""

import numpy as np
import pytest

from retrieval.channels.best_scores import find_best, sort_best


@pytest.mark.parametrize("count", [0, 1, 7, 8, 100, 1003])
@pytest.mark.parametrize("distinct", [1, 3, 10**6])
def test_none_of_the_best_is_left_out(count: int, distinct: int) -> None:
    random = np.random.default_rng(count)
    scores = random.integers(0, distinct, count).astype(np.float32)
    scores[random.random(count) < 0.3] = -np.inf
    for k in {1, 2, count // 8, count // 8 + 1, count // 2, count}:
        least = np.sort(scores)[::-1][:k].min(initial=np.inf)
        found = find_best(scores, k)
        assert (np.diff(found) > 0).all()
        assert set(np.flatnonzero(scores >= least)) <= set(found) <= set(range(count))


def test_few_of_many_scores_are_left_to_be_sorted() -> None:
    scores = np.random.default_rng(0).standard_normal(100_000).astype(np.float32)
    assert len(find_best(scores, 1000)) < 1100
    assert len(find_best(scores[:10_000], 1000)) < 1400


@pytest.mark.parametrize("count", [0, 1, 5, 2000])
@pytest.mark.parametrize("distinct", [1, 9, 10**6])
def test_the_best_come_first_and_equal_ones_by_id(count: int, distinct: int) -> None:
    random = np.random.default_rng(count)
    scores = (random.integers(0, distinct, count) / distinct - 0.5).astype(np.float32)
    scores[random.random(count) < 0.2] = -np.inf
    scores[::6], scores[3::6] = 0.0, -0.0
    ids = random.permutation(2**32 - 1 - np.arange(count))
    for k in {1, count // 2, count, count + 1}:
        order = np.lexsort((ids, -scores))[:k]
        found_scores, found_ids = sort_best(scores, ids, k)
        assert (found_scores.dtype, found_ids.dtype) == (np.float32, np.int64)
        np.testing.assert_array_equal(found_scores, scores[order])
        np.testing.assert_array_equal(found_ids, ids[order])
        assert not np.signbit(found_scores[found_scores == 0]).any()
