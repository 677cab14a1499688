"""Draws what gradients did in each cell: reads what was measured, writes a PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from indexer.captioner.training.diagnosis import CellDiagnosis

_COLOURS = {"simple": "#c4622d", "gru": "#1f6f9f", "lstm": "#3d8a4e"}
_INK, _FAINT = "#1c1b19", "#8b8880"
_RUNNING = 15  # steps whose median makes the thick line


def draw_diagnosis(cells: "Mapping[str, CellDiagnosis]", clip_norm: float, path: Path) -> Path:
    """How far gradients reach before and after the training, and how large they were at each step of it."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    before, after, training = figure.subplots(1, 3, width_ratios=(1, 1, 1.2))
    after.sharey(before)
    for name, cell in cells.items():
        _draw_reach(before, name, cell.before)
        _draw_reach(after, name, cell.after)
        _draw_norms(training, name, cell.gradient_norms)
    training.axhline(clip_norm, color=_FAINT, linewidth=1, linestyle=(0, (4, 3)), label="clipped above")
    before.set(title="‖∂h$_t$ / ∂h$_0$‖ before the training", xlabel="t, words read", yscale="log")
    after.set(title="‖∂h$_t$ / ∂h$_0$‖ after it", xlabel="t, words read", yscale="log")
    training.set(title="gradient norm at each step of the training", xlabel="step", yscale="log")
    training.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    training.yaxis.set_major_formatter("{x:g}")
    training.yaxis.set_minor_formatter(NullFormatter())
    for axis in (before, after, training):
        _tidy(axis)
    training.legend(frameon=False, labelcolor=_INK)
    figure.savefig(path, dpi=110)
    return path


def _draw_reach(axis: "Axes", name: str, captions: Sequence[Sequence[float]]) -> None:
    """A thin line for each caption, a thick one for their geometric mean as far as all of them go."""
    for norms in captions:
        axis.plot(norms, color=_COLOURS[name], linewidth=0.8, alpha=0.35)
    common = min(len(norms) for norms in captions)
    mean = np.exp(np.mean([np.log(np.maximum(norms[:common], 1e-30)) for norms in captions], axis=0))
    axis.plot(mean, color=_COLOURS[name], linewidth=2.4)


def _draw_norms(axis: "Axes", name: str, norms: Sequence[float]) -> None:
    """A thin line for each step, a thick one for the running median."""
    axis.plot(norms, color=_COLOURS[name], linewidth=0.7, alpha=0.35)
    half = _RUNNING // 2
    medians = [np.median(norms[max(step - half, 0) : step + half + 1]) for step in range(len(norms))]
    axis.plot(medians, color=_COLOURS[name], linewidth=2.2, label=name)


def _tidy(axis: "Axes") -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(_FAINT)
    axis.tick_params(colors=_FAINT, which="both", labelcolor=_INK)
    axis.title.set_color(_INK)
    axis.grid(alpha=0.25)
