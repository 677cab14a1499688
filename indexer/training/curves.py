"""Draws how a training went: reads its log, writes a PNG of loss, gradient norms and validation score."""

from pathlib import Path
from typing import Any


def draw_curves(log: list[dict[str, Any]], metric: str, path: Path) -> None:
    """One panel per quantity, against passes; `metric` is the validation score that decided."""
    from matplotlib.figure import Figure

    panels = (
        ("loss", ("loss",)),
        ("gradient norm before clipping", ("gradient_norm", "largest_gradient_norm")),
        (f"validation {metric}", (metric,)),
    )
    figure = Figure(figsize=(12, 3.2), layout="constrained")
    for (title, names), axis in zip(panels, figure.subplots(1, len(panels)), strict=True):
        for name in names:
            axis.plot(
                [entry["pass"] for entry in log], [entry[name] for entry in log], marker=".", label=name
            )
        axis.set(title=title, xlabel="pass")
        axis.grid(alpha=0.3)
        if len(names) > 1:
            axis.legend(["mean", "largest"])
    figure.savefig(path, dpi=110)
