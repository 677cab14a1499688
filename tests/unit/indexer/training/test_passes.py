"""Passes over examples on a GPU with too little memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from indexer.training.config import PassesConfig
from indexer.training.passes import Passes
from retrieval.errors import RetrievalError
from retrieval.progress import no_progress
from tests.small_gpu import hold_at_most


class Doubling:
    """Learns to double numbers, in batches of four."""

    metric, steps = "score", 2

    def __init__(self, most: int) -> None:
        self.model = nn.Linear(1, 1)
        self.loss = hold_at_most(most, self._loss, len)

    def batches(self, random: np.random.Generator) -> Iterator[Tensor]:
        for _ in range(self.steps):
            yield torch.from_numpy(random.random((4, 1), dtype=np.float32))

    def _loss(self, batch: Tensor) -> Tensor:
        return (self.model(batch) - 2 * batch).square().mean()

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {"score": 0.0}


def train(most: int, out: Path) -> int:
    """How many passes it took."""
    out.mkdir()
    config = PassesConfig(cycles=(2,), batch=4)
    passes = Passes(Doubling(most), config, torch.float32, 0, out / "state.safetensors")
    return len(list(passes.run(no_progress)))


def test_a_batch_that_is_too_much_for_a_gpu_is_refused_in_one_line(tmp_path: Path) -> None:
    assert train(4, tmp_path / "enough") == 2
    expected = r"GPU memory for a batch of 4 photos, expected .*; set a smaller `batch` in the config, .*cpu"
    with pytest.raises(RetrievalError, match=expected) as refused:
        train(3, tmp_path / "less")
    assert "\n" not in str(refused.value)
