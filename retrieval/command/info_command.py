"""`retrieve info`: reads an index, prints what it is made of, or what could not be indexed."""

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.command.options import DEFAULT_INDEX, IndexOption, JsonOption
from retrieval.printable import make_printable

if TYPE_CHECKING:
    from retrieval.store.manifest import Manifest


def info(
    failures: Annotated[
        bool, typer.Option("--failures", help="List the files that could not be indexed.")
    ] = False,
    index: IndexOption = DEFAULT_INDEX,
    json_output: JsonOption = False,
) -> None:
    """Show what an index holds and which models made it."""
    from retrieval.store.manifest import read_manifest

    if failures:
        _print_failures(index, json_output)
        return
    document = {"index": make_printable(str(index)), **_describe(index, read_manifest(index))}
    if json_output:
        typer.echo(json.dumps(document))
        return
    for name, value in document.items():
        typer.echo(f"{name.replace('_', ' '):16} {_format(value)}")


def _print_failures(index: Path, json_output: bool) -> None:
    from retrieval.command.short_run import leave_pandas_out
    from retrieval.store.failures import list_failures
    from retrieval.store.manifest import read_whole

    leave_pandas_out()

    found = [
        {**dataclasses.asdict(failure), "path": make_printable(os.fsdecode(failure.path))}
        for failure in read_whole(index, lambda manifest: list_failures(index, manifest))
    ]
    if json_output:
        typer.echo(json.dumps({"index": make_printable(str(index)), "failures": found}))
        return
    for failure in found:
        reason = make_printable(failure["reason"])
        typer.echo(f"{failure['when'] or 'unknown':25}  {failure['code']:18} {failure['path']}: {reason}")


def _describe(index: Path, manifest: "Manifest") -> dict[str, Any]:
    from retrieval.channels.vector_choice import explain_choice
    from retrieval.generations.inventory import list_files

    head = manifest.image_head
    return {
        "generation": manifest.generation,
        "format_version": manifest.format_version,
        "photos": manifest.photos,
        "failed": manifest.failed,
        "unfinished": manifest.waiting_rows,
        "captioner": dataclasses.asdict(manifest.captioner),
        "text_encoder": dataclasses.asdict(manifest.text_encoder),
        "image_head": head and {"name": head.name, "sha256": head.sha256},
        "channels": {
            record.channel: {
                "kind": record.kind,
                "vectors": record.vectors,
                "dimension": record.dimension,
                "bytes": record.bytes,
                **({"settings": record.settings, "ann_recall": record.ann_recall} if record.settings else {}),
                "why": explain_choice(record, manifest.vectors_wish),
            }
            for record in manifest.vectors
        }
        | _describe_words(manifest),
        "recent_rows": manifest.recent_rows,
        "shards": len(manifest.shards),
        # A file that is named twice is there once.
        "bytes": sum(file.bytes for file in set(list_files(index, manifest))),
        "created": manifest.created,
        "written_by": manifest.written_by,
    }


def _describe_words(manifest: "Manifest") -> dict[str, Any]:
    words = manifest.lexical
    return {"lexical": {"kind": words.kind, "photos": words.photos, "bytes": words.bytes}} if words else {}


def _format(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(
            f"{name} {_format(inner)}" if not isinstance(inner, dict) else f"{name}: {_format(inner)}"
            for name, inner in value.items()
        )
    return "none" if value is None else make_printable(str(value))
