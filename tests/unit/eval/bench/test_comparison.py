"""Engines side by side, each in processes of its own, and the rows that are made of them."""

import logging
from pathlib import Path

import numpy as np
import pytest

from eval.ann.vectors import VectorSet
from eval.bench.comparison import Figures, compare, measure, write_arrays
from eval.bench.rows import list_open_rows, list_search_rows, render_engines
from eval.bench.step_process import VECTORS, run_step
from eval.bench.steps import Built, Opened, Searched
from retrieval.command.bench_rows import BenchRow
from retrieval.errors import RetrievalError
from retrieval.progress import no_progress
from tests.unit.eval.bench.tiny_peers import FailingPeer, GrowingPeer, TinyPeer, WaitingPeer


@pytest.fixture(scope="module")
def subject() -> VectorSet:
    vectors_ND = np.random.default_rng(0).standard_normal((2020, 32)).astype(np.float32)
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return VectorSet("some", "2,000 vectors", vectors_ND[:2000], vectors_ND[2000:])


@pytest.mark.slow
def test_engines_are_measured_in_processes_of_their_own(
    tmp_path: Path, subject: VectorSet, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        ours, (tiny, growing) = compare(subject, [TinyPeer, FailingPeer, GrowingPeer], tmp_path, no_progress)
    assert [each.name for each in (ours, tiny, growing)] == ["retrieve", "tiny", "growing"]
    assert caplog.messages == ["failing is left out: failing could not build: OSError: the disk is full"]
    assert ours.searched.ann_recall == 1
    assert ours.disk_bytes > subject.vectors.nbytes
    assert tiny.searched.ann_recall >= 0.99
    assert tiny.disk_bytes == subject.vectors.nbytes + 2
    # What one holds, the next one does not.
    assert 90e6 < growing.opened.peak_bytes - tiny.opened.peak_bytes < 130e6
    for each in (ours, tiny, growing):
        assert min(each.built.seconds, each.opened.seconds, each.searched.one_per_second) > 0


@pytest.mark.slow
def test_what_others_built_is_used_again(
    tmp_path: Path, subject: VectorSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_built(vectors: VectorSet) -> Built:
        return measure(TinyPeer, write_arrays(vectors, tmp_path)).built

    monkeypatch.setattr("eval.bench.comparison._OPENED", 1)
    first = find_built(subject)
    assert find_built(subject) == first
    assert find_built(VectorSet("other", "", subject.vectors[1:], subject.queries)) != first
    monkeypatch.setattr("eval.bench.comparison.version", lambda _: "1000.0")
    assert find_built(subject) != first


def test_what_a_process_said_last_is_the_reason(tmp_path: Path) -> None:
    with pytest.raises(RetrievalError, match=r"tiny could not search: FileNotFoundError.*queries.npy"):
        run_step("search", TinyPeer, tmp_path, tmp_path / "tiny", wanted=0.9)


def test_every_engine_waits_as_it_would_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / VECTORS, np.eye(2, dtype=np.float32))
    monkeypatch.setenv("GOMP_SPINCOUNT", "1000")
    with pytest.raises(RetrievalError, match=r"waiting could not build: OSError: told nothing"):
        run_step("build", WaitingPeer, tmp_path, tmp_path / "waiting")


OURS = Figures(
    "retrieve", Built(2.0, 300_000_000), Searched(0, 0.992, 500.0, 3000.0), Opened(0.02, 90_000_000), 40
)
OTHER = Figures(
    "other", Built(8.0, 150_000_000), Searched(7, 0.995, 1000.0, 2000.0), Opened(0.01, 180_000_000), 80
)


def test_rows_of_a_search() -> None:
    assert list_search_rows(OURS, [OTHER]) == [
        BenchRow("one query at a time, beside other", 500.0, 1000.0, "queries/s", 0.5, 1.0),
        BenchRow("many queries at once, beside other", 3000.0, 2000.0, "queries/s", 1.5, 1.0),
        BenchRow("ann_recall@10, beside other", 0.992, 0.995, "share", pytest.approx(0.992 / 0.995), 0.99),
        BenchRow("memory of a search, beside other", 90.0, 180.0, "MB", 2.0, 1.0),
        BenchRow("time to build, beside other", 2.0, 8.0, "s", 4.0, 1.0),
        BenchRow("memory to build, beside other", 300.0, 150.0, "MB", 0.5, 1.0),
    ]


def test_rows_of_opening() -> None:
    assert list_open_rows(OURS, [OTHER]) == [
        BenchRow("from opening to the first answer, beside other", 20.0, 10.0, "ms", 0.5, 1.0),
        BenchRow("on disk, beside other", 40 / 1e6, 80 / 1e6, "MB", 2.0, 1.0),
    ]


def test_a_table_for_people() -> None:
    assert render_engines(OURS, [OTHER], "3 vectors").splitlines() == [
        "| engine | one query at a time | many at once | ann\\_recall@10 | memory to search | time to build "
        "| memory to build | open to first answer | on disk |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| retrieve | 500/s | 3,000/s | 0.992 | 90 MB | 2.0 s | 300 MB | 20.0 ms | 0 MB |",
        "| other | 1,000/s | 2,000/s | 0.995 | 180 MB | 8.0 s | 150 MB | 10.0 ms | 0 MB |",
        "",
        "3 vectors.",
    ]
