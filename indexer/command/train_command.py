"""`retrieve train …`: reads a dataset and a config, writes a checkpoint, its card, log and curves."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import typer

from retrieval.command.options import DeviceOption, parse_path
from retrieval.device import Device

if TYPE_CHECKING:
    from retrieval.captioned_dataset import CaptionedDataset
    from retrieval.config import Config
    from retrieval.progress import Progress

    C = TypeVar("C", bound=Config)
    Training: TypeAlias = Callable[[CaptionedDataset, C, Path, Path, Progress], Path]

train = typer.Typer(no_args_is_help=True, help="Train a model on photos with people's captions.")

DataArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="Folder with images/ and an annotation file, splits train and val.",
        parser=parse_path,
    ),
]
ConfigOption = Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file as in configs/.")]
OutOption = Annotated[
    Path,
    typer.Option(metavar="DIR", help="Where the checkpoint, its log, curves and card go.", parser=parse_path),
]
CacheOption = Annotated[
    Path,
    typer.Option(
        metavar="DIR",
        help="Where photos' pixels, or what a frozen network sees in them, are kept between runs.",
        parser=parse_path,
    ),
]
_CACHE = Path(".cache/views")
_CAPTIONER = Path("captioner")


@train.command("image-encoder")
def image_encoder(
    data: DataArgument,
    config: ConfigOption = None,
    out: OutOption = Path("image-encoder"),
    cache: CacheOption = _CACHE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Fine-tune the CNN; a run that was killed carries on from its last whole pass."""
    from indexer.fine_tuning.config import ImageEncoderConfig
    from indexer.fine_tuning.train import train_image_encoder
    from retrieval.device import require_torch_device

    training = partial(train_image_encoder, device=require_torch_device(device))
    _run(training, ImageEncoderConfig, data, config, out, cache)


@train.command("image-head")
def image_head(
    data: DataArgument,
    config: ConfigOption = None,
    out: OutOption = Path("image-head"),
    cache: CacheOption = _CACHE,
) -> None:
    """Train the image channel's heads; a run that was killed carries on from its last whole pass."""
    from indexer.image_head.config import ImageHeadConfig
    from indexer.image_head.training.train import train_image_head

    _run(train_image_head, ImageHeadConfig, data, config, out, cache)


@train.command()
def tagger(
    data: DataArgument,
    config: ConfigOption = None,
    out: OutOption = Path("tagger"),
    cache: CacheOption = _CACHE,
) -> None:
    """Fit ImageNet's classes to what the captioner's CNN sees."""
    from indexer.tagger.config import TaggerConfig
    from indexer.tagger.training.train import train_tagger

    _run(train_tagger, TaggerConfig, data, config, out, cache)


@train.command("ngram-encoder")
def ngram_encoder(
    data: DataArgument,
    config: ConfigOption = None,
    out: OutOption = Path("ngram-encoder"),
    cache: CacheOption = _CACHE,
) -> None:
    """Fit vectors of words to what the text encoder makes of the captioner's sentences."""
    from indexer.ngram_encoder.config import NgramEncoderConfig
    from indexer.ngram_encoder.training.train import train_ngram_encoder

    _run(train_ngram_encoder, NgramEncoderConfig, data, config, out, cache)


@train.command()
def captioner(
    data: DataArgument,
    config: ConfigOption = None,
    out: OutOption = _CAPTIONER,
    cache: CacheOption = _CACHE,
    diagnose: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Instead train the three cells alike, and draw there what their gradients did.",
            parser=parse_path,
        ),
    ] = None,
) -> None:
    """Train the captioner; a run that was killed carries on from its last whole pass."""
    from indexer.captioner.config import CaptionerConfig
    from indexer.captioner.training.diagnosis import diagnose_cells
    from indexer.captioner.training.train import train_captioner
    from retrieval.errors import UsageError

    if diagnose is None:
        _run(train_captioner, CaptionerConfig, data, config, out, cache)
        return
    if out != _CAPTIONER:
        raise UsageError(
            f"found --out {out} and --diagnose {diagnose}, which is where all goes; give one of them"
        )
    typer.echo(_train(diagnose_cells, CaptionerConfig, data, config, diagnose, cache))


def _run(
    training: "Training[C]", model: "type[C]", data: Path, config: Path | None, out: Path, cache: Path
) -> None:
    path = _train(training, model, data, config, out, cache)
    for written in (path, path.with_suffix(".md"), out / "curves.png"):
        if written.exists():
            typer.echo(written)


def _train(
    training: "Training[C]", model: "type[C]", data: Path, config: Path | None, out: Path, cache: Path
) -> Path:
    from retrieval.captioned_dataset import read_captioned_dataset
    from retrieval.command.progress_bar import show_progress
    from retrieval.config import load_config

    settings = load_config(model, config)
    dataset = read_captioned_dataset(data)
    _require_splits(dataset)
    with show_progress() as progress:
        return training(dataset, settings, out, cache, progress)


def _require_splits(dataset: "CaptionedDataset") -> None:
    from retrieval.errors import DatasetError

    if not {"train", "val"} <= set(dataset.splits):
        raise DatasetError(
            f"found the splits {', '.join(dataset.splits)} in {dataset.file_names}, expected train and val; "
            "give photos these splits, as dataset_*.json and captions.jsonl can"
        )
