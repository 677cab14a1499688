"""What the bench of indexing measures is what `retrieve index` does: with every model of the config."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from indexer import speed
from indexer.captioner.attention_captioner import AttentionCaptioner
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
    speed._index([], models, IndexConfig(), no_progress)
    assert given == [models]


def test_every_run_is_told_of_and_its_memory_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(photos: Sequence[Path], *others: Any) -> None:
        progress: Progress = others[-1]
        progress("Indexing photos", len(photos), len(photos))

    def compare(runs: Sequence[Sequence[Path]], *given: Any) -> tuple[BenchRow, int]:
        for run in runs:
            speed._index(run, *given)
        return BenchRow("", 1.0, 1.0, "", 1.0, 1.0), 1

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
    # Half of them, all, each half; in the slower runtime some to warm up and as many as tell how fast it is.
    assert told == [("Indexing photos", count, count) for count in (1000, 2000, 1000, 1000, 64, 1024)]
    assert len(looked) == len(told)


def test_what_the_bench_holds_itself_is_no_memory_of_indexing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[bytearray] = []

    def measure(*_: Any) -> float:
        held.append(bytearray(b"x" * 2**28))
        held.clear()
        return 100.0

    report = SimpleNamespace(photos=50, seconds=1.0)
    monkeypatch.setattr(speed, "build_index", lambda *_: report)
    monkeypatch.setattr(speed, "_measure_encoder", measure)
    captioner = object.__new__(AttentionCaptioner)
    monkeypatch.setattr(AttentionCaptioner, "runtime", Runtime.OPENVINO)
    models = Models(captioner, *(None for _ in Models._fields[1:]))
    _, alone = speed._index([], models, IndexConfig(), no_progress)
    row, memory = speed._compare([[], [], []], models, IndexConfig(), no_progress)
    assert (row.ours, row.reference, row.ratio) == (50.0, 100.0, 0.5)
    assert abs(memory - alone) < 2**27


def test_the_plain_path_is_warm_and_begins_no_decoder_for_each_batch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[int] = []
    clock = iter(range(100))

    def decode(paths: Sequence[bytes], *_: Any) -> Iterator[Any]:
        asked.append(len(paths))
        for _ in paths:
            photo = SimpleNamespace(pixels_HWC=np.zeros((320, 320, 3), dtype=np.uint8))
            yield SimpleNamespace(photo=photo)

    monkeypatch.setattr(speed, "decode_photos", decode)
    monkeypatch.setattr(speed, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    models = SimpleNamespace(text_encoder=SimpleNamespace(encode=lambda texts: None))
    config = IndexConfig(batch_photos=2)
    # Two batches of two after the first, each of a tick of the clock.
    assert speed.measure_plain_path([tmp_path] * 6, models, config) == 2.0
    assert asked == [6]
