"""What the bench of indexing measures is what `retrieve index` does: with every model of the config."""

import pytest

from indexer import speed
from indexer.config import IndexConfig
from indexer.models import Models
from retrieval.peak_memory import PeakMemory


def test_every_model_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Models] = []
    monkeypatch.setattr(speed, "build_index", lambda photos, index, models, *_: given.append(models))
    models = Models(*(object() for _ in Models._fields))
    speed._index([], models, IndexConfig(), PeakMemory())
    assert given == [models]
