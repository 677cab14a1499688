"""`retrieve publish`: reads an index, sends it to a Milvus, prints what was sent."""

import dataclasses
import json
from typing import Annotated

import typer

from retrieval.command.options import DEFAULT_INDEX, IndexOption, JsonOption


def publish(
    to: Annotated[
        str,
        typer.Option("--to", metavar="URI", help="A Milvus: http://HOST:19530, or a file ending with .db."),
    ],
    index: IndexOption = DEFAULT_INDEX,
    json_output: JsonOption = False,
) -> None:
    """Send an index to Milvus, where `retrieve search --milvus URI` finds it."""
    from retrieval.command.progress_bar import show_progress
    from retrieval.milvus.address import MilvusAddress
    from retrieval.milvus.publish import publish_index

    with show_progress() as progress:
        report = publish_index(index, MilvusAddress.parse(to), progress)
    if json_output:
        typer.echo(json.dumps(dataclasses.asdict(report)))
        return
    typer.echo(
        f"{report.photos} photos of generation {report.generation} are published as {report.name!r} at "
        f"{report.uri}"
    )
