"""`retrieve search`: reads an index, prints the photos that answer a sentence."""

import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.command.options import DEFAULT_INDEX, DeviceOption, IndexOption, JsonOption
from retrieval.device import Device
from retrieval.errors import UsageError
from retrieval.printable import make_printable
from retrieval.query import require_count, require_query

if TYPE_CHECKING:
    from retrieval.hit import Hit


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the photo shows, in a sentence.")],
    k: Annotated[int, typer.Option("-k", metavar="K", help="How many photos to show.")] = 10,
    json_output: JsonOption = False,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="OUT.png", help="Draw the photos that were found."),
    ] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="Search this channel alone.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A file like configs/search.toml.")
    ] = None,
    index: IndexOption = DEFAULT_INDEX,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Show the photos that a sentence describes best."""
    from retrieval.config import load_config
    from retrieval.search_config import SearchConfig

    require_query(text)
    require_count(k)
    settings = load_config(SearchConfig, config)
    with _status("opening the index"):
        from retrieval.engine import SearchEngine

        engine = SearchEngine.open(index, device=device, fusion=settings.fusion)
    start = time.perf_counter()
    hits = engine.search(text, k, channel)
    seconds = time.perf_counter() - start
    if picture is not None:
        _draw(text, [(hit, engine.file(hit.image_id)) for hit in hits], picture)
    if json_output:
        document = {
            "query": text,
            "hits": [dataclasses.asdict(hit) for hit in hits],
            "generation": engine.generation,
            "seconds": seconds,
        }
        typer.echo(json.dumps(document))
        return
    if hits:
        _print_table(hits)
    typer.echo(f"{len(hits)} of {engine.photos} photos in {seconds:.3f} s", err=True)


def _print_table(hits: Sequence["Hit"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("caption", overflow="fold")
    table.add_column("photo", overflow="fold")
    for hit in hits:
        cells = (str(hit.rank), f"{hit.score:.3f}", make_printable(hit.caption), hit.path)
        table.add_row(*(Text(cell) for cell in cells))
    # Lines that go to a file or another program are never folded.
    Console(width=None if sys.stdout.isatty() else 100_000).print(table, crop=False)


def _draw(query: str, hits: "Sequence[tuple[Hit, Path]]", out: Path) -> None:
    from retrieval.contact_sheet import draw_hits

    try:
        draw_hits(make_printable(query), hits).save(out)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write the picture to {out} ({error}); name a file ending in .png") from None


@contextmanager
def _status(text: str) -> Iterator[None]:
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
