"""`retrieve train captioner`: reads a dataset and a config, writes a checkpoint, its card and curves."""

from pathlib import Path
from typing import Annotated

import typer

train = typer.Typer(no_args_is_help=True, help="Train a captioner on photos with people's captions.")


@train.callback()
def _train() -> None:
    """Train a captioner on photos with people's captions."""


@train.command()
def captioner(
    data: Annotated[
        Path, typer.Argument(help="Folder with images/ and an annotation file, splits train and val.")
    ],
    config: Annotated[Path | None, typer.Option(help="A TOML file as configs/captioner.toml.")] = None,
    out: Annotated[Path, typer.Option(help="Where the checkpoint, its log, curves and card go.")] = Path(
        "captioner"
    ),
    cache: Annotated[Path, typer.Option(help="Where annotations are kept between runs.")] = Path(
        ".cache/annotations"
    ),
) -> None:
    """Train the captioner; a run that was killed carries on from its last whole pass."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from indexer.captioner.config import CaptionerConfig
    from indexer.captioner.training.train import train_captioner
    from retrieval.captioned_dataset import read_captioned_dataset
    from retrieval.config import load_config

    settings = load_config(CaptionerConfig, config)
    dataset = read_captioned_dataset(data)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("annotations")

        def report(description: str, done: int, total: int) -> None:
            progress.update(task, description=description, completed=done, total=total)

        path = train_captioner(dataset, settings, out, cache, report)
    typer.echo(f"{path}\n{path.with_suffix('.md')}\n{out / 'curves.png'}")
