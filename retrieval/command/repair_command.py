"""`retrieve repair`: mends an index that was damaged, prints what it did."""

import dataclasses
import json

import typer

from retrieval.command.options import DEFAULT_INDEX, IndexOption, JsonOption
from retrieval.printable import make_printable


def repair(index: IndexOption = DEFAULT_INDEX, json_output: JsonOption = False) -> None:
    """Make a damaged index whole again, with as much of it as can be had."""
    from retrieval.command.progress_bar import show_progress
    from retrieval.generations.repair import repair_index

    with show_progress() as progress:
        report = repair_index(index, progress)
    if json_output:
        typer.echo(json.dumps(dataclasses.asdict(report)))
        return
    for action in report.actions:
        typer.echo(make_printable(action))
    before = "" if report.photos_before is None else f" ({report.photos_before} before)"
    done = "repaired" if report.actions else "nothing to repair"
    typer.echo(f"{done}: generation {report.generation} with {report.photos} photos{before}")
