import numpy as np
import pytest

from eval.calibration.reliability import Bin, measure_reliability


def test_bins_and_errors_are_those_written_out() -> None:
    said = np.array([0.05, 0.15, 0.16, 0.95, 1.0])
    true = np.array([False, True, False, True, True])
    found = measure_reliability(said, true)
    assert [(each.low, each.high, each.hits) for each in found.bins] == [
        (0.0, 0.1, 1),
        (0.1, 0.2, 2),
        (0.9, 1.0, 2),
    ]
    assert [each.said for each in found.bins] == pytest.approx([0.05, 0.155, 0.975])
    assert [each.true for each in found.bins] == [0, 0.5, 1]
    assert found.ece == pytest.approx((0.05 + 2 * 0.345 + 2 * 0.025) / 5)
    assert found.brier == pytest.approx(np.mean([0.05**2, 0.85**2, 0.16**2, 0.05**2, 0]))
    assert (found.hits, found.said, found.true) == (5, pytest.approx(0.462), 0.6)


def test_what_is_always_right_and_said_so_has_no_error() -> None:
    found = measure_reliability(np.ones(3), np.ones(3, dtype=bool))
    assert (found.ece, found.brier) == (0, 0)
    assert found.bins == (Bin(0.9, 1.0, 3, 1.0, 1.0),)
