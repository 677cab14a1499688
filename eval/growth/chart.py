"""Query time against the number of photos, as a picture. Writes a PNG."""

from collections.abc import Sequence
from pathlib import Path

from eval.growth.measurement import Grown


def draw_growth(grown: Sequence[Grown], path: Path) -> None:
    """Both axes logarithmic, a line for each index type."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot(
        xscale="log", yscale="log", xlabel="vectors of one channel", ylabel="ten nearest, ms"
    )
    for kind in dict.fromkeys(each.kind for each in grown):
        line = [each for each in grown if each.kind == kind]
        axes.plot([each.vectors for each in line], [each.query_ms for each in line], "o-", label=kind)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120, format="png")
