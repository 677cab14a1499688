"""Intervals against a bootstrap written out in a loop, and against statistics."""

import numpy as np
import pytest

from eval.measures.bootstrap import PhotoBootstrap

PHOTO_Q = np.array([0, 0, 0, 1, 2, 2, 3, 3, 3, 3, 4])
VALUES_Q = np.array([0.3, 1, 0, 1, 0.5, 0.25, 0, 0, 1, 0.1, 0.9])


def draw_values(resamples: int, seed: int) -> list[np.ndarray]:
    """The queries' values of each resample, photo by photo."""
    drawn = np.random.default_rng(seed).multinomial(5, [0.2] * 5, size=resamples)
    return [
        np.concatenate([np.tile(VALUES_Q[PHOTO_Q == photo], times) for photo, times in enumerate(counts)])
        for counts in drawn
    ]


def test_intervals_are_those_of_the_resampled_queries() -> None:
    bootstrap = PhotoBootstrap(PHOTO_Q, resamples=300, seed=4)
    resampled = draw_values(300, seed=4)
    means = np.percentile([values.mean() for values in resampled], (2.5, 97.5))
    medians = np.percentile([np.median(values) for values in resampled], (2.5, 97.5))
    assert bootstrap.interval_of_mean(VALUES_Q) == pytest.approx(tuple(means), abs=1e-12)
    assert bootstrap.interval_of_median(VALUES_Q) == pytest.approx(tuple(medians), abs=1e-12)


def test_photos_are_drawn_whole() -> None:
    """Five equal queries a photo are worth one: an interval over queries would be √5 times narrower."""
    rng = np.random.default_rng(1)
    values_P = rng.normal(size=400)
    low, high = PhotoBootstrap(np.repeat(np.arange(400), 5), 4000, seed=2).interval_of_mean(
        np.repeat(values_P, 5)
    )
    expected = 2 * 1.96 * values_P.std() / np.sqrt(400)
    assert high - low == pytest.approx(expected, rel=0.05)
    assert low < values_P.mean() < high


def test_the_seed_decides_the_interval() -> None:
    intervals = {PhotoBootstrap(PHOTO_Q, 100, seed).interval_of_mean(VALUES_Q) for seed in (0, 0, 1)}
    assert len(intervals) == 2


def test_equal_values_leave_no_doubt() -> None:
    bootstrap = PhotoBootstrap(PHOTO_Q, 100, seed=0)
    assert bootstrap.interval_of_mean(np.full(11, 0.5)) == (0.5, 0.5)
    assert bootstrap.interval_of_median(np.full(11, 0.5)) == (0.5, 0.5)
