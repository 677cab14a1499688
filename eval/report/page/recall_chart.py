"""Recall@k against k. A `Report` in, a chart out."""

from collections.abc import Sequence

import numpy as np

from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.rank_measures import recall_at
from eval.report.findings import Report
from eval.report.page.line_chart import BOTTOM, LEFT, RIGHT, TOP, Line, LineChart, Point, Tick, spread_labels
from eval.report.page.scale import Scale, format_tick, list_powers
from eval.searching.placements import Placements

_K = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
_RESAMPLES = 300


def draw_recall(report: Report, photo_Q: np.ndarray) -> LineChart:
    """Recall@k of every system against k, with 95 % bands."""
    last = max(2, min(report.photos, _K[-1]))
    ks = sorted({k for k in _K if k < last} | {last})
    x = Scale(1, last, LEFT, RIGHT, logarithmic=True)
    y = Scale(0, 100, BOTTOM, TOP)
    bootstrap = PhotoBootstrap(photo_Q, _RESAMPLES, 0)
    lines = [
        _draw_curve(name, color, placements, (ks, x, y), bootstrap)
        for color, (name, placements) in enumerate(report.placements.items())
    ]
    return LineChart(
        "Recall@k",
        "k, photos that a person looks at",
        "Recall@k, percent",
        tuple(Tick(x.place(tick), format_tick(tick)) for tick in list_powers(1, last)),
        tuple(Tick(y.place(tick), str(tick)) for tick in range(0, 101, 20)),
        spread_labels(lines),
    )


def _draw_curve(
    name: str,
    color: int,
    placements: Placements,
    frame: tuple[Sequence[int], Scale, Scale],
    bootstrap: PhotoBootstrap,
) -> Line:
    ks, x, y = frame
    points, lows, highs = list[Point](), list[tuple[float, float]](), list[tuple[float, float]]()
    for k in ks:
        values_Q = 100 * recall_at(placements, k)
        low, high = bootstrap.interval_of_mean(values_Q)
        mean = float(values_Q.mean())
        title = f"{name}: Recall@{k} {mean:.1f} [{low:.1f}, {high:.1f}]"
        points.append(Point(x.place(k), y.place(mean), title))
        lows.append((x.place(k), y.place(low)))
        highs.append((x.place(k), y.place(high)))
    return Line(name, color, tuple(points), (*highs, *reversed(lows)), points[-1].y)
