"""The learning rate over a training."""

import pytest

from indexer.training.schedule import rate_factor


def test_the_rate_warms_up_then_falls_in_cycles_each_from_half_the_rate() -> None:
    factors = [rate_factor((2, 3), step, 1000) for step in range(5000)]
    assert factors[0] == pytest.approx(0.01)
    assert max(factors) == pytest.approx(factors[99], abs=0.01)
    assert factors[1000] == pytest.approx(0.505, abs=1e-6)
    assert factors[1999] == pytest.approx(0.01, abs=1e-4)
    assert factors[2000] == pytest.approx(0.5)
    assert factors[3500] == pytest.approx(0.2525, abs=1e-6)
    assert factors[4999] == pytest.approx(0.005, abs=1e-4)
