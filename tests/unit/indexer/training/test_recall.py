"""Recall while something trains."""

import tracemalloc

import numpy as np
import pytest

from indexer.training.recall import measure_recall


def test_a_tie_counts_against_the_right_photo() -> None:
    photos_NE = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    queries_QE = np.array([[1.0, 0.0], [0.0, 1.0]])
    recall = measure_recall(queries_QE, photos_NE, np.array([0, 1]))
    assert recall == {
        "Recall@1": 50.0,
        "Recall@5": 100.0,
        "Recall@10": 100.0,
        "mean recall": pytest.approx(250 / 3),
    }


def test_a_model_that_diverged_finds_nothing() -> None:
    photos_NE = np.full((12, 2), np.nan)
    assert measure_recall(np.ones((1, 2)), photos_NE, np.array([0]))["mean recall"] == 0.0


def test_of_many_queries_not_all_scores_are_there_at_once() -> None:
    queries, photos = 7500, 1500
    random = np.random.default_rng(0)
    photos_NE = random.normal(size=(photos, 8)).astype(np.float32)
    answers_Q = np.arange(queries) % photos
    queries_QE = (photos_NE[answers_Q] + random.normal(size=(queries, 8))).astype(np.float32)
    scores_QN = queries_QE @ photos_NE.T
    rank_Q = (scores_QN >= scores_QN[np.arange(queries), answers_Q][:, None]).sum(axis=1)
    expected = [100 * float((rank_Q <= k).mean()) for k in (1, 5, 10)]
    tracemalloc.start()
    try:
        recall = measure_recall(queries_QE, photos_NE, answers_Q)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert list(recall.values())[:3] == pytest.approx(expected)
    assert 0 < expected[0] < expected[2] < 100
    assert peak < scores_QN.nbytes / 3
