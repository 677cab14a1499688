"""A chart of lines over two axes, its parts with their places, for templates/line_chart.svg.j2.

Numbers in, places on a drawing of `WIDTH` x `HEIGHT` out. `color` is a number that page.css gives a colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 62, WIDTH - 128, 14, HEIGHT - 46
_LABEL_HEIGHT = 15


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and what is written there."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a line; `label` is written beside it, `title` shown when it is pointed at."""

    x: float
    y: float
    title: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Points in order, the corners of the band of their intervals, and the height of the line's name."""

    name: str
    color: int
    points: tuple[Point, ...]
    band: tuple[tuple[float, float], ...] = ()
    label_y: float = 0.0

    @property
    def path(self) -> str:
        """The points as SVG's `points`."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)

    @property
    def band_path(self) -> str:
        """The band as SVG's `points`."""
        return " ".join(f"{x},{y}" for x, y in self.band)


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over two axes."""

    title: str
    x_title: str
    y_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    left: float = LEFT
    right: float = RIGHT
    top: float = TOP
    bottom: float = BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def spread_labels(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines with their names moved apart, so that none covers another."""
    placed: dict[str, float] = {}
    free_from = float(TOP)
    for line in sorted(lines, key=lambda line: line.label_y):
        placed[line.name] = max(line.label_y, free_from)
        free_from = placed[line.name] + _LABEL_HEIGHT
    return tuple(replace(line, label_y=placed[line.name]) for line in lines)
