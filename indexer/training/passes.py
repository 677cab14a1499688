"""Passes over the examples: trains a task's model in place, validates after each, resumable, stops early."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from indexer.training.config import PassesConfig
from indexer.training.schedule import rate_factor
from indexer.training.state import TrainingState
from indexer.training.task import Batch, Task
from retrieval.errors import RetrievalError
from retrieval.progress import Progress

_Weights: TypeAlias = tuple[Tensor, ...] | list[Tensor]


class Passes(Generic[Batch]):
    """One training: yields the log of each pass, those that `saved` holds from an earlier run included.

    `groups` are the parameters in groups, each with its largest learning rate; without them all have the
    config's. In the end the model has the averaged weights of the best pass.
    """

    def __init__(
        self,
        task: Task[Batch],
        config: PassesConfig,
        dtype: torch.dtype,
        seed: int,
        saved: Path,
        groups: list[dict[str, Any]] | None = None,
    ) -> None:
        optimizer = torch.optim.AdamW(
            groups or task.model.parameters(),
            config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._task = task
        self._config = config
        self._dtype = dtype
        self._device_type = next(task.model.parameters()).device.type
        self._seed = seed
        self._saved = saved
        self._rates = [group["lr"] for group in optimizer.param_groups]
        self._average = AveragedModel(task.model, multi_avg_fn=_follow(config.average_decay))
        self._state = TrainingState(task.model, self._average.module, optimizer)

    def run(self, progress: Progress) -> Iterator[dict[str, Any]]:
        """Train; `progress` is told after every batch.

        Raises:
            RetrievalError: a batch is too much for the GPU's memory.
        """
        state, config, metric = self._state, self._config, self._task.metric
        if self._saved.exists():
            state.load(self._saved)
            self._average.n_averaged.fill_(state.passes * self._task.steps)
            yield from list(state.log)
        while state.passes < sum(config.cycles) and state.since_best(metric) < config.patience:
            try:
                trained = self._train(progress)
            except torch.OutOfMemoryError:
                raise RetrievalError(
                    f"found too little GPU memory for a batch of {config.batch} photos, expected room for "
                    "all of them; set a smaller `batch` in the config, under another --out where something "
                    "was trained already, close what else uses the GPU, or use --device cpu"
                ) from None
            state.record({"pass": state.passes + 1, **trained, **self._task.validate(state.average)}, metric)
            state.save(self._saved)
            yield state.log[-1]
        state.load_best()

    def _train(self, progress: Progress) -> dict[str, Any]:
        task, config, optimizer = self._task, self._config, self._state.optimizer
        done, steps = self._state.passes, self._task.steps
        torch.manual_seed(self._seed + 1000 * done)
        random = np.random.default_rng([self._seed, done])
        losses, norms, started = [], [], time.perf_counter()
        task.model.train()
        for number, batch in enumerate(task.batches(random)):
            factor = rate_factor(config.cycles, done * steps + number, steps)
            for group, rate in zip(optimizer.param_groups, self._rates, strict=True):
                group["lr"] = rate * factor
            with torch.autocast(self._device_type, self._dtype, enabled=self._dtype != torch.float32):
                loss = task.loss(batch)
            optimizer.zero_grad()
            loss.backward()
            norms.append(float(nn.utils.clip_grad_norm_(task.model.parameters(), config.clip_norm)))
            optimizer.step()
            self._average.update_parameters(task.model)
            losses.append(float(loss.detach()))
            progress(f"pass {done + 1} of {sum(config.cycles)}", number + 1, steps)
        return {
            "loss": float(np.mean(losses)),
            "gradient_norm": float(np.mean(norms)),
            "largest_gradient_norm": max(norms),
            "gradient_norms": [float(f"{norm:.4g}") for norm in norms],
            "seconds": round(time.perf_counter() - started, 1),
        }


def _follow(decay: float) -> Callable[[_Weights, _Weights, Tensor | int], None]:
    """An average of which `decay` stays at each step; after n steps at most (1 + n) / (10 + n).

    A short training would otherwise keep much of its first weights.
    """

    def update(averages: _Weights, weights: _Weights, updates: Tensor | int) -> None:
        done = int(updates)
        get_ema_multi_avg_fn(min(decay, (1 + done) / (10 + done)))(averages, weights, updates)

    return update


def find_dtype(precision: str) -> torch.dtype:
    """The arithmetic of a training, by its name in the config."""
    dtype: torch.dtype = getattr(torch, precision)
    return dtype
