"""What the bench of indexing measures is what `retrieve index` does: with every model of the config."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from indexer import speed
from indexer.config import IndexConfig
from indexer.models import Models
from retrieval.command.bench_rows import BenchRow
from retrieval.peak_memory import PeakMemory
from retrieval.progress import Progress, no_progress
from retrieval.runtime import Runtime


def test_every_model_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Models] = []
    monkeypatch.setattr(speed, "build_index", lambda photos, index, models, *_: given.append(models))
    models = Models(*(object() for _ in Models._fields))
    speed._index([], models, IndexConfig(), PeakMemory(), no_progress)
    assert given == [models]


def test_every_run_is_told_of_and_its_memory_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(photos: Sequence[Path], *others: Any) -> None:
        progress: Progress = others[-1]
        progress("Indexing photos", len(photos), len(photos))

    def compare(*given: Any) -> BenchRow:
        speed._index(*given)
        return BenchRow("", 1.0, 1.0, "", 1.0, 1.0)

    looked: list[PeakMemory] = []
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr(speed, "build_index", build)
    monkeypatch.setattr(speed, "pick_runtimes", lambda *_: [Runtime.TORCH, Runtime.OPENVINO])
    monkeypatch.setattr(speed, "_load", lambda *_: None)
    monkeypatch.setattr(speed, "_compare", compare)
    monkeypatch.setattr(speed, "measure_plain_path", lambda *_: 1.0)
    monkeypatch.setattr(PeakMemory, "sample", lambda memory, *_: looked.append(memory))
    photos = [Path(f"{number}.jpg") for number in range(2000)]
    speed.measure_indexing(photos, IndexConfig(), "cpu", lambda *each: told.append(each))
    # Half of them, all, and in the slower runtime some to warm up and as many as tell how fast it is.
    assert told == [("Indexing photos", count, count) for count in (1000, 2000, 64, 1024)]
    assert len(looked) == len(told)
