"""Passes over the examples: trains the decoder in place, validates after each, resumable, stops early."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from indexer.captioner.config import TrainingConfig
from indexer.captioner.decoder import AttentionDecoder
from indexer.captioner.training.cross_entropy import cross_entropy_loss
from indexer.captioner.training.examples import Examples, iterate_batches
from indexer.captioner.training.report import Report
from indexer.captioner.training.state import TrainingState
from indexer.captioner.training.validation import Validation

METRIC = "CIDEr"
_WARM_UP = 100  # steps


class Passes:
    """One training: yields the log of each pass, those that `saved` holds from an earlier run included.

    In the end the decoder has the averaged weights of the best pass.
    """

    def __init__(
        self,
        decoder: AttentionDecoder,
        examples: Examples,
        validation: Validation,
        config: TrainingConfig,
        seed: int,
        saved: Path,
    ) -> None:
        self._decoder = decoder
        self._examples = examples
        self._validation = validation
        self._config = config
        self._seed = seed
        self._saved = saved
        self._average = AveragedModel(decoder, multi_avg_fn=get_ema_multi_avg_fn(config.average_decay))
        self._optimizer = torch.optim.AdamW(
            decoder.parameters(), weight_decay=config.weight_decay, fused=True
        )
        average = cast(AttentionDecoder, self._average.module)
        self._state = TrainingState(decoder, average, self._optimizer)

    def run(self, report: Report) -> Iterator[dict[str, Any]]:
        """Train; `report` is told after every batch."""
        state, config = self._state, self._config
        if self._saved.exists():
            state.load(self._saved)
            self._average.n_averaged.fill_(state.passes)  # past the first update, which would copy
            yield from list(state.log)
        while state.passes < sum(config.cycles) and state.since_best(METRIC) < config.patience:
            trained = self._train(report)
            state.record({"pass": state.passes + 1, **trained, **self._validation(state.average)}, METRIC)
            state.save(self._saved)
            yield state.log[-1]
        state.load_best()

    def _train(self, report: Report) -> dict[str, float]:
        config, done = self._config, self._state.passes
        torch.manual_seed(self._seed + 1000 * done)
        random = np.random.default_rng([self._seed, done])
        steps = math.ceil(len(self._examples) / config.batch)
        losses, norms, started = [], [], time.perf_counter()
        self._decoder.train()
        for number, batch in enumerate(iterate_batches(self._examples, config.batch, self._dtype, random)):
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate(config, done * steps + number, steps)
            with torch.autocast("cpu", self._dtype, enabled=self._dtype != torch.float32):
                loss = cross_entropy_loss(self._decoder, batch, config)
            self._optimizer.zero_grad()
            loss.backward()
            norms.append(float(nn.utils.clip_grad_norm_(self._decoder.parameters(), config.clip_norm)))
            self._optimizer.step()
            self._average.update_parameters(self._decoder)
            losses.append(float(loss.detach()))
            report(f"pass {done + 1} of {sum(config.cycles)}", number + 1, steps)
        return {
            "loss": float(np.mean(losses)),
            "gradient_norm": float(np.mean(norms)),
            "largest_gradient_norm": max(norms),
            "seconds": round(time.perf_counter() - started, 1),
        }

    @property
    def _dtype(self) -> torch.dtype:
        return self._validation.dtype


def learning_rate(config: TrainingConfig, step: int, steps_a_pass: int) -> float:
    """Linear warm-up, then cosine cycles (Loshchilov and Hutter 2017), each to a hundredth of its start."""
    rate, start = config.learning_rate * min(1.0, (step + 1) / _WARM_UP), 0
    for passes in config.cycles[:-1]:
        if step < start + passes * steps_a_pass:
            break
        rate, start = rate / 2, start + passes * steps_a_pass
    else:
        passes = config.cycles[-1]
    cosine = 0.5 * (1 + math.cos(math.pi * (step - start) / (passes * steps_a_pass)))
    return rate * (0.01 + 0.99 * cosine)
