"""One phase of training: passes over the examples, validation after each, resumable, stopped early."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from indexer.captioner.decoder import AttentionDecoder
from indexer.captioner.training.examples import Batch, Examples, iterate_batches
from indexer.captioner.training.report import Report
from indexer.captioner.training.state import TrainingState

METRIC = "CIDEr"
_WARM_UP = 100  # steps


@dataclass(frozen=True, slots=True)
class Phase:
    """How one phase trains; `loss` is of a batch, `validate` scores a decoder's captions in percent."""

    name: str
    passes: int
    batch: int
    learning_rate: float
    weight_decay: float
    clip_norm: float
    average_decay: float
    patience: int
    loss: Callable[[AttentionDecoder, Batch], Tensor]
    validate: Callable[[AttentionDecoder], dict[str, float]]


def run_phase(
    phase: Phase,
    decoder: AttentionDecoder,
    examples: Examples,
    dtype: torch.dtype,
    seed: int,
    saved: Path,
    report: Report,
) -> TrainingState:
    """Train `decoder` in place, leaving it with the best averaged weights; carry on from `saved`."""
    average = AveragedModel(decoder, multi_avg_fn=get_ema_multi_avg_fn(phase.average_decay))
    optimizer = torch.optim.AdamW(
        decoder.parameters(), lr=phase.learning_rate, weight_decay=phase.weight_decay, fused=True
    )
    state = TrainingState(decoder, cast(AttentionDecoder, average.module), optimizer)
    if saved.exists():
        state.load(saved)
        average.n_averaged.fill_(state.passes)  # past the first update, which would copy
    while state.passes < phase.passes and state.since_best(METRIC) < phase.patience:
        entry = _run_pass(phase, state, average, examples, dtype, seed, report)
        state.record({"phase": phase.name, "pass": state.passes + 1, **entry}, METRIC)
        state.save(saved)
    state.load_best()
    return state


def _run_pass(
    phase: Phase,
    state: TrainingState,
    average: AveragedModel,
    examples: Examples,
    dtype: torch.dtype,
    seed: int,
    report: Report,
) -> dict[str, float]:
    decoder, optimizer = state.model, state.optimizer
    torch.manual_seed(seed + 1000 * state.passes)
    random = np.random.default_rng([seed, state.passes])
    steps = math.ceil(len(examples) / phase.batch)
    losses, norms, started = [], [], time.perf_counter()
    decoder.train()
    for number, batch in enumerate(iterate_batches(examples, phase.batch, dtype, random)):
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(phase, state.passes * steps + number, steps * phase.passes)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = phase.loss(decoder, batch)
        optimizer.zero_grad()
        loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(decoder.parameters(), phase.clip_norm)))
        optimizer.step()
        average.update_parameters(decoder)
        losses.append(float(loss.detach()))
        report(f"{phase.name}, pass {state.passes + 1} of {phase.passes}", number + 1, steps)
    seconds = time.perf_counter() - started
    return {
        "loss": float(np.mean(losses)),
        "gradient_norm": float(np.mean(norms)),
        "largest_gradient_norm": max(norms),
        **phase.validate(state.average),
        "seconds": round(seconds, 1),
    }


def _learning_rate(phase: Phase, step: int, steps: int) -> float:
    """Linear warm-up, then a half cosine down to a hundredth."""
    warm_up = min(1.0, (step + 1) / _WARM_UP)
    cosine = 0.5 * (1 + math.cos(math.pi * step / max(steps, 1)))
    return phase.learning_rate * warm_up * (0.01 + 0.99 * cosine)
