"""What `retrieve bench` prints: figures beside what they are compared with. Writes to stdout."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

import typer


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
    """A line for each row."""
    typer.echo(f"{'':40} {'ours':>10} {'reference':>10} {'':10} {'ratio':>6} {'asked':>6}")
    for row in rows:
        typer.echo(
            f"{row.name:40} {row.ours:10.1f} {row.reference:10.1f} {row.unit:10} "
            f"{row.ratio:6.2f} {row.asked:6.2f}"
        )
