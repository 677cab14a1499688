"""Recall while something trains."""

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
