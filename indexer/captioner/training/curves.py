"""Draws how a training went: reads its log, writes a PNG of loss, gradient norms and validation score."""

from pathlib import Path
from typing import Any

_PANELS = (
    ("loss", ("loss",)),
    ("gradient norm before clipping", ("gradient_norm", "largest_gradient_norm")),
    ("validation CIDEr", ("CIDEr",)),
)


def draw_curves(log: list[dict[str, Any]], path: Path) -> None:
    """One panel per quantity and phase, against passes; nothing is drawn of an empty log."""
    from matplotlib.figure import Figure

    phases = list(dict.fromkeys(entry["phase"] for entry in log))
    if not phases:
        return
    figure = Figure(figsize=(12, 3.2 * len(phases)), layout="constrained")
    rows = figure.subplots(len(phases), len(_PANELS), squeeze=False)
    for phase, axes in zip(phases, rows, strict=True):
        entries = [entry for entry in log if entry["phase"] == phase]
        for (title, names), axis in zip(_PANELS, axes, strict=True):
            for name in names:
                axis.plot([e["pass"] for e in entries], [e[name] for e in entries], marker=".", label=name)
            axis.set(title=f"{phase}: {title}", xlabel="pass")
            axis.grid(alpha=0.3)
            if len(names) > 1:
                axis.legend(["mean", "largest"])
    figure.savefig(path, dpi=110)
