"""What is timed: the effort that suffices, and what was found with it."""

from pathlib import Path

import numpy as np
import pytest

from eval.bench import steps
from retrieval.channels.ann_recall import find_kth_scores
from tests.unit.eval.bench.tiny_peers import TinyPeer


@pytest.fixture
def vectors() -> np.ndarray:
    """A thousand vectors: the nearest of each query are spread over all of them."""
    vectors_ND = np.random.default_rng(0).standard_normal((1000, 32)).astype(np.float32)
    return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)


class Clock:
    """Stands still but for what a test lets pass."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def perf_counter(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the steps are timed by; of a `TimedPeer` alone it knows how long it takes."""
    clock = Clock()
    monkeypatch.setattr(steps, "time", clock)
    monkeypatch.setattr(TimedPeer, "clock", clock)
    return clock


class TimedPeer(TinyPeer):
    """Takes three seconds to build, and for a search one, and a hundredth for each query."""

    clock = Clock()

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        super().build(vectors_ND, folder)
        cls.clock.seconds += 3

    def search(self, queries_QD: np.ndarray, k: int) -> np.ndarray:
        self.clock.seconds += 1 + len(queries_QD) / 100
        return super().search(queries_QD, k)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("wanted", [0.3, 0.9, 0.99])
def test_the_least_effort_that_finds_enough_is_chosen_and_timed(
    tmp_path: Path, vectors: np.ndarray, wanted: float
) -> None:
    data, queries = vectors[:900], vectors[900:]
    built = steps.build(TimedPeer, data, tmp_path)
    assert built.seconds == 3
    assert built.peak_bytes > 2**20
    found = steps.search(TimedPeer, tmp_path, data, queries, find_kth_scores(queries, data, 10), wanted)
    exact_QK = np.argsort(-(queries @ data.T), axis=1)[:, :10]
    shares = [(exact_QK < len(data) * effort // 100).mean() for effort in TinyPeer.efforts]
    least = next(number for number, share in enumerate(shares) if share >= wanted)
    assert found.effort == TinyPeer.efforts[least]
    assert found.ann_recall == pytest.approx(shares[least])
    assert found.one_per_second == pytest.approx(100 / 101)
    assert found.many_per_second == pytest.approx(100 / 2)


def test_an_engine_that_never_finds_enough_is_measured_at_its_best(
    tmp_path: Path, vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_SECONDS", 0.05)
    monkeypatch.setattr(TinyPeer, "efforts", (1, 2, 50))
    TinyPeer.build(vectors, tmp_path)
    found = steps.search(TinyPeer, tmp_path, vectors, vectors, find_kth_scores(vectors, vectors, 10), 0.99)
    assert found.effort == 50
    assert 0.4 < found.ann_recall < 0.7


def test_the_fastest_of_a_few_rounds_counts(clock: Clock) -> None:
    taken = iter([2.0, 1.0, 2.5])

    def ask() -> None:
        clock.seconds += next(taken)

    assert steps._time(ask) == 1.0
