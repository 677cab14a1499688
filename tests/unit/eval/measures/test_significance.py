"""The permutation test against every permutation written out, and how often it raises a false alarm."""

import itertools

import numpy as np
import pytest

from eval.measures.significance import LEVEL, PhotoPermutation, correct_holm

PHOTO_Q = np.array([0, 0, 1, 1, 1, 2, 3, 4, 5, 5])


def test_p_is_the_share_of_all_changes_of_sign_that_are_as_far_from_nothing() -> None:
    differences_Q = np.array([0.5, 0.25, 1, -0.5, 0.1, 0.3, -0.2, 0.7, 0.2, 0.4])
    sums_P = np.bincount(PHOTO_Q, weights=differences_Q)
    flipped = [abs(np.dot(signs, sums_P)) for signs in itertools.product((-1, 1), repeat=6)]
    exact = np.mean(np.array(flipped) >= abs(sums_P.sum()) - 1e-12)
    (p,) = PhotoPermutation(PHOTO_Q, 40_000, seed=1).test(differences_Q[None, :])
    assert p == pytest.approx(exact, abs=0.01)


def test_equal_systems_do_not_differ() -> None:
    assert PhotoPermutation(PHOTO_Q, 500, seed=0).test(np.zeros((2, 10))).tolist() == [1, 1]


def test_the_sign_of_the_difference_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    differences_CQ = rng.normal(size=(3, 10))
    test = PhotoPermutation(PHOTO_Q, 999, seed=0).test
    np.testing.assert_array_equal(test(differences_CQ), test(-differences_CQ))
    np.testing.assert_array_equal(test(differences_CQ), test(100 * differences_CQ))


def test_queries_of_one_photo_are_not_independent() -> None:
    """Ten copies of each photo's query say no more than one, though a test over queries would think so."""
    rng = np.random.default_rng(3)
    values_P = rng.normal(0.3, 1, size=30)
    once = PhotoPermutation(np.arange(30), 4000, seed=0).test(values_P[None, :])
    tenfold = PhotoPermutation(np.repeat(np.arange(30), 10), 4000, seed=0).test(
        np.repeat(values_P, 10)[None, :]
    )
    np.testing.assert_array_equal(once, tenfold)


def test_false_alarms_are_as_rare_as_said() -> None:
    rng = np.random.default_rng(5)
    p_C = PhotoPermutation(np.arange(60), 1000, seed=0).test(rng.normal(size=(400, 60)))
    assert np.mean(p_C < LEVEL) == pytest.approx(LEVEL, abs=0.03)
    assert p_C.min() >= 1 / 1001


def test_holms_correction_by_hand() -> None:
    # In order of size: 0.01 x 4, 0.03 x 3, 0.04 x 2 (never less than the one before it), 0.9 x 1.
    corrected = correct_holm(np.array([0.04, 0.01, 0.03, 0.9]))
    np.testing.assert_allclose(corrected, [0.09, 0.04, 0.09, 0.9], rtol=0, atol=1e-12)
    assert correct_holm(np.array([0.5, 0.6])).tolist() == [1.0, 1.0]
    assert correct_holm(np.array([])).tolist() == []
