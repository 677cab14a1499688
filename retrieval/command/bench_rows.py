"""What `retrieve bench` prints: figures beside what they are compared with. Writes to stdout."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

import typer

from retrieval.markdown_table import render_markdown_table


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One measure beside what it is compared with; `ratio` is better when higher, `asked` its bar."""

    name: str
    ours: float
    reference: float
    unit: str
    ratio: float
    asked: float


def print_json(rows: Sequence[BenchRow]) -> None:
    """One JSON document: a list of rows."""
    typer.echo(json.dumps([dataclasses.asdict(row) for row in rows]))


def print_rows(rows: Sequence[BenchRow]) -> None:
    """A Markdown table with a line for each row."""
    header = ("", "ours", "reference", "unit", "ratio", "asked")
    typer.echo(render_markdown_table(header, map(_list_cells, rows)))


def _list_cells(row: BenchRow) -> tuple[str, ...]:
    figures = (_format(row.ours), _format(row.reference))
    return (row.name, *figures, row.unit, f"{row.ratio:.2f}", f"{row.asked:.2f}")


def _format(figure: float) -> str:
    """With one decimal, but for thousands."""
    return f"{figure:.0f}" if figure >= 1000 else f"{figure:.1f}"
