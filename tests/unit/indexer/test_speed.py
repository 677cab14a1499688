"""What the bench of indexing measures is what `retrieve index` does: with every model of the config."""

from typing import Any

import pytest

from indexer import speed
from indexer.config import IndexConfig
from indexer.models import Models
from retrieval.peak_memory import PeakMemory


def test_every_model_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(speed, "build_index", lambda *models, **more: given.extend([*models, *more.values()]))
    models = Models(*(object() for _ in Models._fields))
    speed._index([], models, IndexConfig(), PeakMemory())
    assert all(any(model is each for each in given) for model in models)
