"""nDCG with grades: what holds whatever the scores, and that `ir-measures` finds the same."""

import itertools

import ir_measures
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ir_measures import Qrel, ScoredDoc, nDCG

from eval.human_grades.graded import graded_ndcg


@st.composite
def graded(draw: st.DrawFn, distinct: bool, most: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Scores and gains of judged photos."""
    count = draw(st.integers(1, most))
    scores = (
        draw(st.permutations(range(count)))
        if distinct
        else draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    )
    gains = np.array(draw(st.lists(st.integers(0, 9), min_size=count, max_size=count)))
    assume(gains.any())
    return np.array(scores, dtype=np.float32), gains


@settings(max_examples=80, deadline=None)
@given(graded(distinct=True))
def test_without_ties_ir_measures_finds_the_same(judged: tuple[np.ndarray, np.ndarray]) -> None:
    scores, gains = judged
    run = [ScoredDoc("q", f"p{p:03}", float(score)) for p, score in enumerate(scores)]
    qrels = [Qrel("q", f"p{p:03}", int(gain)) for p, gain in enumerate(gains)]
    expected = ir_measures.calc_aggregate([nDCG], qrels, run)[nDCG]
    assert graded_ndcg(scores, gains) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(graded(distinct=False, most=5))
def test_with_ties_it_is_the_mean_over_all_orders_of_the_tied(judged: tuple[np.ndarray, np.ndarray]) -> None:
    scores, gains = judged
    orders = itertools.permutations(range(len(scores)))
    broken = [graded_ndcg(scores + 1e-3 * np.array(order, dtype=np.float32), gains) for order in orders]
    assert graded_ndcg(scores, gains) == pytest.approx(np.mean(broken), abs=1e-9)


@given(graded(distinct=False))
def test_it_is_from_0_to_1_and_1_in_the_order_of_the_gains(judged: tuple[np.ndarray, np.ndarray]) -> None:
    scores, gains = judged
    assert 0 < graded_ndcg(scores, gains) <= 1 + 1e-12
    assert graded_ndcg(gains.astype(np.float32), gains) == pytest.approx(1, abs=1e-12)


@given(graded(distinct=False), st.randoms(use_true_random=False))
def test_the_order_of_the_photos_decides_nothing(
    judged: tuple[np.ndarray, np.ndarray], random: "np.random.Generator"
) -> None:
    scores, gains = judged
    order = list(range(len(scores)))
    random.shuffle(order)
    assert graded_ndcg(scores[order], gains[order]) == pytest.approx(graded_ndcg(scores, gains), abs=1e-12)
