"""What was said to be so likely against what was true. A `Report` in, a chart out."""

from eval.calibration.reliability import Reliability
from eval.report.findings import Report
from eval.report.page.line_chart import BOTTOM, LEFT, RIGHT, TOP, Line, LineChart, Point, Tick, spread_labels
from eval.report.page.scale import Scale


def draw_reliability(report: Report) -> LineChart | None:
    """The reliability curves, and the straight line on which they should lie."""
    study = report.sureness
    if study is None:
        return None
    x, y = Scale(0, 100, LEFT, RIGHT), Scale(0, 100, BOTTOM, TOP)
    corners = tuple(Point(x.place(share), y.place(share), f"{share} %") for share in (0, 100))
    lines = [
        Line("as said", 2, corners, label_y=corners[-1].y),
        _draw_curve("by captions", 0, study.by_captions, x, y),
    ]
    if study.by_grades is not None:
        lines.append(_draw_curve("by grades", 1, study.by_grades, x, y))
    ticks = range(0, 101, 20)
    return LineChart(
        "How sure a hit is",
        "probability that was said, percent",
        "hits that are right, percent",
        tuple(Tick(x.place(tick), str(tick)) for tick in ticks),
        tuple(Tick(y.place(tick), str(tick)) for tick in ticks),
        spread_labels(lines),
    )


def _draw_curve(name: str, color: int, reliability: Reliability, x: Scale, y: Scale) -> Line:
    points = tuple(
        Point(
            x.place(100 * each.said),
            y.place(100 * each.true),
            f"{name}: {100 * each.said:.1f} % said, {100 * each.true:.1f} % true of {each.hits:,} hits",
        )
        for each in reliability.bins
    )
    return Line(name, color, points, label_y=points[-1].y)
