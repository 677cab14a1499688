"""What each index type and setting finds, and how fast. A `Report` and its speeds in, charts out."""

from collections.abc import Mapping, Sequence

from eval.ann.benchmark import AnnRow
from eval.report.findings import Report
from eval.report.page.line_chart import BOTTOM, LEFT, RIGHT, TOP, Line, LineChart, Point, Tick, spread_labels
from eval.report.page.scale import Scale, format_tick, list_powers
from eval.report.run_info import RunInfo

_SETTINGS = ("nprobe", "efSearch")
_LEAST_MISSED = 0.1

Timed = tuple[AnnRow, Mapping[str, float]]


def draw_ann(report: Report, info: RunInfo) -> list[LineChart]:
    """Median latency against `ann_recall@10`, a chart for each set of vectors; the settings at the points.

    Where exact search is alone there is none.
    """
    if report.ann is None or len(info.ann_speed) != len(report.ann.rows):
        return []
    rows = list(zip(report.ann.rows, info.ann_speed, strict=True))
    of_sets = {name: [each for each in rows if each[0].vectors == name] for name in report.ann.sets}
    return [_draw_set(name, timed) for name, timed in of_sets.items() if len(timed) > 1]


def _draw_set(name: str, rows: Sequence[Timed]) -> LineChart:
    missed = 100 - min(row.ann_recall for row, _ in rows)
    latencies = [speed["p50_ms"] for _, speed in rows]
    # The settings worth choosing miss little, so what is missed is drawn logarithmically, up to all found.
    x = Scale(_LEAST_MISSED, max(missed, 10.0), RIGHT, LEFT, logarithmic=True)
    y = Scale(min(latencies) / 1.6, max(latencies) * 1.6, BOTTOM, TOP, logarithmic=True)
    types = list(dict.fromkeys(row.type for row, _ in rows))
    lines = [
        _draw_type(index_type, color, [each for each in rows if each[0].type == index_type], x, y)
        for color, index_type in enumerate(types)
    ]
    return LineChart(
        f"{rows[0][0].count:,} vectors ({name})",
        "ann_recall@10, percent of the exact first ten",
        "median latency, ms",
        tuple(
            Tick(x.place(tick), "all" if tick == _LEAST_MISSED else f"{100 - tick:g}")
            for tick in list_powers(x.low, x.high)
        ),
        tuple(Tick(y.place(tick), format_tick(tick)) for tick in list_powers(y.low, y.high)),
        spread_labels(lines),
    )


def _draw_type(index_type: str, color: int, rows: Sequence[Timed], x: Scale, y: Scale) -> Line:
    points = []
    for row, speed in rows:
        setting = next(
            (f"{key} {row.parameters[key]}" for key in _SETTINGS if key in row.parameters), "exact"
        )
        title = (
            f"{index_type}, {setting}: ann_recall@10 {row.ann_recall:.1f}, p50 {speed['p50_ms']:.3f} ms, "
            f"p95 {speed['p95_ms']:.3f} ms, p99 {speed['p99_ms']:.3f} ms, "
            f"{speed['queries_per_second']:,.0f} queries/s"
        )
        label = setting.split()[-1] if row.parameters else ""
        points.append(Point(x.place(100 - row.ann_recall), y.place(speed["p50_ms"]), title, label))
    return Line(index_type, color, tuple(points), label_y=points[-1].y)
