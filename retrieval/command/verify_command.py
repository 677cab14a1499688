"""`retrieve verify`: reads an index, prints whether it is as it was written."""

import dataclasses
import json
import shlex
from typing import Annotated

import typer

from retrieval.command.options import DEFAULT_INDEX, IndexOption, JsonOption
from retrieval.printable import make_printable


def verify(
    fast: Annotated[bool, typer.Option("--fast", help="Compare sizes, not every byte.")] = False,
    index: IndexOption = DEFAULT_INDEX,
    json_output: JsonOption = False,
) -> None:
    """Check that no file of an index was lost or changed."""
    from retrieval.command.progress_bar import show_progress
    from retrieval.errors import IndexFormatError
    from retrieval.generations.verify import verify_index

    with show_progress() as progress:
        report = verify_index(index, fast, progress)
    if json_output:
        typer.echo(json.dumps(dataclasses.asdict(report)))
    else:
        for damage in report.damaged:
            typer.echo(f"damaged: {make_printable(damage.path)}: {make_printable(damage.problem)}")
    if report.damaged:
        raise IndexFormatError(
            f"found {len(report.damaged)} damaged of {report.files} files in {index}, expected none; "
            f"run `retrieve repair --index {shlex.quote(str(index))}`"
        )
    if not json_output:
        looked = "have the right size" if fast else "are as they were written"
        typer.echo(f"{report.files} files ({report.bytes} bytes) of generation {report.generation} {looked}")
