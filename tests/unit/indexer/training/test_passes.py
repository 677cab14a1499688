"""Passes over examples: what their weights' average is, and a GPU with too little memory."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from indexer.training.config import PassesConfig
from indexer.training.passes import Passes
from retrieval.errors import RetrievalError
from retrieval.progress import no_progress
from tests.killed import KilledError
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
        return {"score": model.weight.item()}


def train(most: int, out: Path) -> int:
    """How many passes it took."""
    out.mkdir()
    config = PassesConfig(cycles=(2,), batch=4)
    passes = Passes(Doubling(most), config, torch.float32, 0, out / "state.safetensors")
    return len(list(passes.run(no_progress)))


def test_a_batch_that_is_too_much_for_a_gpu_is_refused_in_one_line(tmp_path: Path) -> None:
    assert train(4, tmp_path / "enough") == 2
    expected = r"GPU memory for a batch of 4 photos, expected .*; set a smaller `batch` .*--out .*cpu"
    with pytest.raises(RetrievalError, match=expected) as refused:
        train(3, tmp_path / "less")
    assert "\n" not in str(refused.value)


def train_until(stop: int, saved: Path) -> tuple[list[dict[str, Any]], list[float]]:
    """The log of three passes of two steps, and the weight after each step; killed after `stop` of them."""
    torch.manual_seed(0)
    task, weights = Doubling(4), list[float]()

    def note(description: str, _done: int, _total: int) -> None:
        if len(weights) == stop:
            raise KilledError
        weights.append(task.model.weight.item())

    config = PassesConfig(cycles=(3,), batch=4, learning_rate=0.5, average_decay=0.35)
    log: list[dict[str, Any]] = []
    with suppress(KilledError):
        log.extend(Passes(task, config, torch.float32, 0, saved).run(note))
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in log], weights


def test_the_average_follows_the_weights_closely_at_first(tmp_path: Path) -> None:
    log, weights = train_until(6, tmp_path / "state.safetensors")
    average = weights[0]
    for weight, decay in zip(weights[1:], (2 / 11, 3 / 12, 4 / 13, 0.35, 0.35), strict=True):
        average = decay * average + (1 - decay) * weight
    assert log[-1]["score"] == pytest.approx(average)


def test_the_average_of_a_training_that_carries_on_is_that_of_one_that_was_not_killed(tmp_path: Path) -> None:
    whole, _ = train_until(6, tmp_path / "whole.safetensors")
    train_until(3, tmp_path / "killed.safetensors")
    resumed, weights = train_until(6, tmp_path / "killed.safetensors")
    assert len(weights) == 4
    assert resumed == whole
