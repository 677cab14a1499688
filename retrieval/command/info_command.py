"""`retrieve info`: reads the manifest of an index, prints what the index is made of."""

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import typer

from retrieval.command.options import DEFAULT_INDEX, IndexOption, JsonOption
from retrieval.printable import make_printable

if TYPE_CHECKING:
    from retrieval.manifest import Manifest


def info(index: IndexOption = DEFAULT_INDEX, json_output: JsonOption = False) -> None:
    """Show what an index holds and which models made it."""
    from retrieval.manifest import read_manifest

    document = {"index": make_printable(str(index)), **_describe(read_manifest(index))}
    if json_output:
        typer.echo(json.dumps(document))
        return
    for name, value in document.items():
        typer.echo(f"{name.replace('_', ' '):16} {_format(value)}")


def _describe(manifest: "Manifest") -> dict[str, Any]:
    return {
        "generation": manifest.generation,
        "format_version": manifest.format_version,
        "photos": manifest.photos,
        "failed": manifest.failed,
        "captioner": manifest.captioner and dataclasses.asdict(manifest.captioner),
        "text_encoder": dataclasses.asdict(manifest.text_encoder),
        "channels": {
            record.channel: {
                "kind": record.kind,
                "vectors": record.vectors,
                "dimension": record.dimension,
                "bytes": record.bytes,
            }
            for record in manifest.vectors
        },
        "shards": len(manifest.shards),
        "bytes": sum(shard.bytes for shard in manifest.shards)
        + sum(record.bytes for record in manifest.vectors),
        "created": manifest.created,
        "written_by": manifest.written_by,
    }


def _format(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(
            f"{name} {_format(inner)}" if not isinstance(inner, dict) else f"{name}: {_format(inner)}"
            for name, inner in value.items()
        )
    return "none" if value is None else make_printable(str(value))
