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


@pytest.mark.parametrize("wanted", [0.3, 0.9, 0.99])
def test_the_least_effort_that_finds_enough_is_chosen(
    tmp_path: Path, vectors: np.ndarray, wanted: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_SECONDS", 0.05)
    data, queries = vectors[:900], vectors[900:]
    built = steps.build(TinyPeer, data, tmp_path)
    assert built.seconds > 0
    assert built.peak_bytes > 2**20
    found = steps.search(TinyPeer, tmp_path, data, queries, find_kth_scores(queries, data, 10), wanted)
    exact_QK = np.argsort(-(queries @ data.T), axis=1)[:, :10]
    shares = [(exact_QK < len(data) * effort // 100).mean() for effort in TinyPeer.efforts]
    least = next(number for number, share in enumerate(shares) if share >= wanted)
    assert found.effort == TinyPeer.efforts[least]
    assert found.ann_recall == pytest.approx(shares[least])
    assert found.one_per_second > 0
    assert found.many_per_second > found.one_per_second


def test_an_engine_that_never_finds_enough_is_measured_at_its_best(
    tmp_path: Path, vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_SECONDS", 0.05)
    monkeypatch.setattr(TinyPeer, "efforts", (1, 2, 50))
    TinyPeer.build(vectors, tmp_path)
    found = steps.search(TinyPeer, tmp_path, vectors, vectors, find_kth_scores(vectors, vectors, 10), 0.99)
    assert found.effort == 50
    assert 0.4 < found.ann_recall < 0.7


def test_the_fastest_of_a_few_rounds_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 2.0, 10.0, 11.0, 20.0, 22.5])
    monkeypatch.setattr(steps.time, "perf_counter", lambda: next(clock))
    assert steps._time(lambda: None) == 1.0
