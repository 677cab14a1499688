"""Sample photos: reads the photographs that scikit-image and scikit-learn carry, writes them into a folder.

`python -m indexer.samples FOLDER`. With sentences of our own they are a captioned dataset of photos with
other subjects than the training data's. Nothing is downloaded, and no package is imported.
"""

import importlib.util
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import typer

from retrieval.command.python_module import run_as_module
from retrieval.errors import InstallationError
from retrieval.installing import how_to_install

# (package, folder in it, photographs). Drawings, textures, scans and microscopy are left out.
_SOURCES = (
    (
        "skimage",
        "data",
        (
            "astronaut.png",
            "camera.png",
            "chelsea.png",
            "coffee.png",
            "coins.png",
            "hubble_deep_field.jpg",
            "moon.png",
            "motorcycle_left.png",
            "rocket.jpg",
        ),
    ),
    ("sklearn", "datasets/images", ("china.jpg", "flower.jpg")),
)
# Photographs that say little to somebody who looks for photos, but much of a model.
_FURTHER = (
    ("skimage", "data", ("brick.png", "grass.png", "gravel.png", "retina.jpg")),
    ("matplotlib", "mpl-data/sample_data", ("grace_hopper.jpg",)),
)
_CAPTIONS = Path(__file__).with_name("sample_captions.jsonl")

Sources = tuple[tuple[str, str, tuple[str, ...]], ...]


def find_samples() -> list[Path]:
    """The photographs, where the packages keep them.

    Raises:
        InstallationError: a package is not installed, or no longer holds one of them.
    """
    return _find(_SOURCES)


def _find(sources: Sources) -> list[Path]:
    found = [_find_folder(package, folder) / name for package, folder, names in sources for name in names]
    missing = [path for path in found if not path.is_file()]
    if missing:
        raise InstallationError(
            f"found no {missing[0]}, expected it as a part of the package; install another version of it"
        )
    return found


def write_samples(folder: Path) -> list[Path]:
    """Copy the photographs into a folder, which is made where it is missing; returns the copies.

    Raises:
        InstallationError: as `find_samples`.
    """
    return _copy(find_samples(), folder)


def write_captioned_samples(folder: Path) -> list[Path]:
    """Write a dataset for `retrieve eval`: `images/` and `captions.jsonl`; returns the copies.

    It is too small to choose anything by, and nothing was: it shows what is left of retrieval on subjects
    other than those of the training data.

    Raises:
        InstallationError: as `find_samples`.
    """
    written = _copy(_find(_SOURCES + _FURTHER), folder / "images")
    shutil.copyfile(_CAPTIONS, folder / "captions.jsonl")
    return written


def _copy(samples: list[Path], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copyfile(sample, folder / sample.name)) for sample in samples]


def _find_folder(package: str, folder: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise InstallationError(
            f"found no package {package}; run `{how_to_install('scikit-image', 'scikit-learn')}`"
        )
    return Path(spec.origin).parent / folder


def fill_folder(write: Callable[[Path], Sequence[Path]], what: str, folder: str) -> None:
    """Have `write` fill a folder, and say with how many of what."""
    typer.echo(f"{len(write(Path(folder)))} {what} in {folder}", err=True)


if __name__ == "__main__":
    sys.exit(run_as_module("indexer.samples", "FOLDER", partial(fill_folder, write_samples, "sample photos")))
