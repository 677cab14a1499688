"""`retrieve bench`: measures on this machine, prints figures side by side. Writes nothing that stays."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from retrieval.command.bench_rows import print_json, print_rows
from retrieval.command.options import DeviceOption, IndexConfigOption, JsonOption, parse_path
from retrieval.device import Device

bench = typer.Typer(no_args_is_help=True, help="Measure speed, side by side with a reference.")


@bench.command()
def index(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PHOTOS...]",
            help="Photos to measure with; without, cut from the samples.",
            parser=parse_path,
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=2, help="How many photos at most.")] = 2048,
    config: IndexConfigOption = None,
    json_output: JsonOption = False,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Measure the whole of `retrieve index` beside its CNN alone and beside plain torch, and its memory."""
    from indexer.config import IndexConfig
    from indexer.photo_files.scan import scan_photos
    from indexer.pipeline.arenas import limit_arenas
    from indexer.speed import cut_photos, measure_indexing
    from retrieval.command.progress_bar import show_progress
    from retrieval.config import load_config

    limit_arenas()
    settings = load_config(IndexConfig, config)
    with ExitStack() as stack:
        if photos:
            chosen = [Path(os.fsdecode(path)) for path in scan_photos(photos).paths[:count]]
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            chosen = cut_photos(Path(folder), count)
        progress = stack.enter_context(show_progress())
        rows = measure_indexing(chosen, settings, device, progress)
    (print_json if json_output else print_rows)(rows)
