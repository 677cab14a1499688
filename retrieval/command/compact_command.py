"""`retrieve compact`: merges the shards of an index, prints what that frees now and later."""

import dataclasses
import json

import typer

from retrieval.command.options import DEFAULT_INDEX, IndexOption, JsonOption


def compact(index: IndexOption = DEFAULT_INDEX, json_output: JsonOption = False) -> None:
    """Merge small shards and drop what was superseded or deleted; its files go with the next change."""
    from retrieval.command.progress_bar import show_progress
    from retrieval.generations.compact import compact_index

    with show_progress() as progress:
        report = compact_index(index, progress=progress)
    if json_output:
        typer.echo(json.dumps(dataclasses.asdict(report)))
        return
    typer.echo(
        f"{report.shards_before} shards with {report.rows_before} rows became {report.shards} with "
        f"{report.rows}; {report.freed} bytes freed, {report.freed_later} more will be with the next change: "
        f"until then the generation before is kept; {report.photos} photos (generation {report.generation})"
    )
