"""What holds of every measure whatever the scores, and that `ir-measures` finds the same."""

import itertools
from collections.abc import Callable

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, Qrel, R, ScoredDoc, Success, nDCG

from eval.measures.rank_measures import SHARES, first_rank, ndcg_at, recall_at, reciprocal_rank, success_at
from eval.searching.placements import Placements, join_placements, place_relevant

Relevant = list[list[int]]

SUCCESS = {f"Success@{k}": (lambda placements, k=k: success_at(placements, k)) for k in (1, 5, 10)}
ALL = {**SHARES, **SUCCESS}


@st.composite
def collections(
    draw: st.DrawFn, levels: int | None = None, right: int = 3, photos: int = 30
) -> tuple[np.ndarray, Relevant]:
    """Scores (queries, photos) and right photos; with few `levels` many are equal, with None none."""
    count = draw(st.integers(2, photos))
    queries = draw(st.integers(1, 6))
    if levels is None:
        rows = [draw(st.permutations(range(count))) for _ in range(queries)]
    else:
        rows = [
            draw(st.lists(st.integers(1, levels), min_size=count, max_size=count)) for _ in range(queries)
        ]
    relevant = [
        draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=min(right, count), unique=True))
        for _ in range(queries)
    ]
    return np.array(rows, dtype=np.float32) / 7, relevant


def ask_oracle(scores_QP: np.ndarray, relevant: Relevant) -> dict[str, list[float]]:
    """Each measure of each query by `ir-measures`, which calls trec_eval."""
    run = [
        ScoredDoc(f"q{q:03}", f"p{p:03}", float(score))
        for q, row in enumerate(scores_QP)
        for p, score in enumerate(row)
    ]
    qrels = [Qrel(f"q{q:03}", f"p{p:03}", 1) for q, columns in enumerate(relevant) for p in columns]
    names = {R @ 1: "Recall@1", R @ 5: "Recall@5", R @ 10: "Recall@10", RR: "MRR", nDCG @ 10: "nDCG@10"}
    names |= {Success @ k: f"Success@{k}" for k in (1, 5, 10)}
    found: dict[str, list[float]] = {name: [0.0] * len(scores_QP) for name in names.values()}
    for metric in ir_measures.iter_calc(list(names), qrels, run):
        found[names[metric.measure]][int(metric.query_id[1:])] = metric.value
    return found


@settings(max_examples=60, deadline=None)
@given(collections())
def test_without_ties_ir_measures_finds_the_same(collection: tuple[np.ndarray, Relevant]) -> None:
    placements = place_relevant(*collection)
    expected = ask_oracle(*collection)
    assert expected.keys() == ALL.keys()
    for name, measure in ALL.items():
        np.testing.assert_allclose(measure(placements), expected[name], rtol=0, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(collections(levels=2, photos=5))
def test_with_ties_every_measure_is_the_mean_over_all_orders_of_the_tied(
    collection: tuple[np.ndarray, Relevant],
) -> None:
    scores_QP, relevant = collection
    orders = list(itertools.permutations(range(scores_QP.shape[1])))
    broken = [
        place_relevant(scores_QP + 1e-3 * np.array(order, dtype=np.float32), relevant) for order in orders
    ]
    placements = place_relevant(scores_QP, relevant)
    for measure in (*ALL.values(), first_rank):
        expected = np.mean([measure(each) for each in broken], axis=0)
        np.testing.assert_allclose(measure(placements), expected, rtol=0, atol=1e-9)


@given(collections(levels=4))
def test_every_share_is_from_0_to_1(collection: tuple[np.ndarray, Relevant]) -> None:
    placements = place_relevant(*collection)
    for measure in ALL.values():
        values = measure(placements)
        assert values.shape == (placements.queries,)
        assert ((values >= 0) & (values <= 1 + 1e-12)).all()


@given(collections(levels=4))
def test_the_rank_is_one_of_the_photos(collection: tuple[np.ndarray, Relevant]) -> None:
    ranks = first_rank(place_relevant(*collection))
    assert ((ranks >= 1) & (ranks <= collection[0].shape[1])).all()


@given(collections(levels=4), st.integers(1, 30))
def test_recall_grows_with_k_to_all(collection: tuple[np.ndarray, Relevant], k: int) -> None:
    placements = place_relevant(*collection)
    assert (recall_at(placements, k) <= recall_at(placements, k + 1) + 1e-12).all()
    np.testing.assert_allclose(recall_at(placements, collection[0].shape[1]), 1, atol=1e-12)


@given(collections(levels=4), st.integers(1, 30))
def test_success_grows_with_k_and_is_no_less_than_recall(
    collection: tuple[np.ndarray, Relevant], k: int
) -> None:
    placements = place_relevant(*collection)
    success_Q = success_at(placements, k)
    assert (success_Q <= success_at(placements, k + 1) + 1e-12).all()
    assert (success_Q >= recall_at(placements, k) - 1e-12).all()


@given(collections(levels=4, right=1), st.integers(1, 30))
def test_with_one_right_photo_success_is_recall(collection: tuple[np.ndarray, Relevant], k: int) -> None:
    placements = place_relevant(*collection)
    np.testing.assert_allclose(success_at(placements, k), recall_at(placements, k), rtol=0, atol=1e-12)


@given(collections(levels=4, right=1), st.integers(1, 30))
def test_with_one_right_photo_ndcg_grows_with_k(collection: tuple[np.ndarray, Relevant], k: int) -> None:
    placements = place_relevant(*collection)
    assert (ndcg_at(placements, k) <= ndcg_at(placements, k + 1) + 1e-12).all()


@given(collections(levels=3), st.randoms(use_true_random=False))
def test_the_order_of_the_photos_decides_nothing(
    collection: tuple[np.ndarray, Relevant], random: "np.random.Generator"
) -> None:
    scores_QP, relevant = collection
    new_place = list(range(scores_QP.shape[1]))
    random.shuffle(new_place)
    moved_QP = np.empty_like(scores_QP)
    moved_QP[:, new_place] = scores_QP
    moved = place_relevant(moved_QP, [[new_place[column] for column in columns] for columns in relevant])
    placements = place_relevant(scores_QP, relevant)
    for measure in (*ALL.values(), first_rank):
        np.testing.assert_array_equal(measure(moved), measure(placements))


@given(collections(levels=3))
def test_scores_count_by_their_order_alone(collection: tuple[np.ndarray, Relevant]) -> None:
    scores_QP, relevant = collection
    placements, scaled = place_relevant(scores_QP, relevant), place_relevant(np.exp(3 * scores_QP), relevant)
    for measure in (*ALL.values(), first_rank):
        np.testing.assert_array_equal(measure(scaled), measure(placements))


@given(collections(levels=3), st.data())
def test_batches_give_what_all_queries_at_once_give(
    collection: tuple[np.ndarray, Relevant], data: st.DataObject
) -> None:
    scores_QP, relevant = collection
    cut = data.draw(st.integers(0, len(relevant)))
    parts = [place_relevant(scores_QP[:cut], relevant[:cut]), place_relevant(scores_QP[cut:], relevant[cut:])]
    joined, placements = join_placements(parts), place_relevant(scores_QP, relevant)
    for measure in (*ALL.values(), first_rank):
        np.testing.assert_array_equal(measure(joined), measure(placements))


@pytest.mark.parametrize("photos", [20, 1000])
@pytest.mark.parametrize("constant", [0.0, -np.inf])
def test_a_constant_scorer_gets_chance(photos: int, constant: float) -> None:
    scores_QP = np.full((photos, photos), constant, dtype=np.float32)
    placements = place_relevant(scores_QP, [[photo] for photo in range(photos)])
    ranks = np.arange(1, photos + 1)
    chance: dict[Callable[[Placements], np.ndarray], float] = {
        SHARES["Recall@1"]: 1 / photos,
        SHARES["Recall@10"]: 10 / photos,
        reciprocal_rank: float(np.mean(1 / ranks)),
        SHARES["nDCG@10"]: float(np.sum(1 / np.log2(ranks[:10] + 1)) / photos),
        first_rank: (photos + 1) / 2,
    }
    for measure, expected in chance.items():
        np.testing.assert_allclose(measure(placements), expected, rtol=0, atol=1e-9)
