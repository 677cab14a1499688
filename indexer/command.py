"""`retrieve index`: reads photos, writes an index, prints what became of them."""

import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.command.options import DEFAULT_INDEX, DeviceOption, IndexOption, JsonOption
from retrieval.device import Device
from retrieval.printable import make_printable

if TYPE_CHECKING:
    from indexer.build import IndexReport, Progress

_MOST_FAILURES_NAMED = 20


def index(
    photos: Annotated[
        list[Path],
        typer.Argument(metavar="PHOTOS...", help="Folders of photos, and photos.", show_default=False),
    ],
    index: IndexOption = DEFAULT_INDEX,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A file like configs/index.toml.")
    ] = None,
    recaption: Annotated[
        bool, typer.Option("--recaption", help="Caption photos again that are indexed already.")
    ] = False,
    json_output: JsonOption = False,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Bring an index up to date with folders of photos: add, update, remove."""
    from indexer.config import IndexConfig
    from indexer.scan import require_photos_exist
    from retrieval.config import load_config

    settings = load_config(IndexConfig, config)
    if recaption:
        settings = settings.model_copy(update={"recaption": True})
    require_photos_exist(photos)
    with _progress() as progress:
        from indexer.build import build_index
        from indexer.captioner import load_captioner
        from indexer.captioner.device import pick_device
        from retrieval.text_encoder import load_text_encoder

        place = pick_device(device)
        captioner = load_captioner(settings.captioner, place, settings.beam_width)
        text_encoder = load_text_encoder(settings.text_encoder, place)
        report = build_index(photos, index, captioner, text_encoder, settings, progress)
    _name_failures(report)
    _print_report(report, index, json_output)


@contextmanager
def _progress() -> Iterator["Progress | None"]:
    """A bar with rate and time left on stderr; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading the models", total=None, rate="")

        def advance(done: int, total: int) -> None:
            speed = bar.tasks[task].speed
            rate = f"{speed:.1f} photos/s" if speed else ""
            bar.update(task, description="indexing", completed=done, total=total, rate=rate)

        yield advance


def _name_failures(report: "IndexReport") -> None:
    for path, reason in report.failures[:_MOST_FAILURES_NAMED]:
        typer.echo(f"not indexed: {make_printable(os.fsdecode(path))}: {make_printable(reason)}", err=True)
    more = len(report.failures) - _MOST_FAILURES_NAMED
    if more > 0:
        typer.echo(f"not indexed: {more} more", err=True)


def _print_report(report: "IndexReport", index: Path, json_output: bool) -> None:
    if json_output:
        document = dataclasses.asdict(report)
        del document["failures"]
        typer.echo(json.dumps(document))
        return
    typer.echo(
        f"{report.new} new, {report.unchanged} unchanged, {report.updated} updated, "
        f"{report.removed} removed, {report.failed} failed; {report.photos} photos in "
        f"{make_printable(str(index))} (generation {report.generation}) after {report.seconds:.1f} s"
    )
