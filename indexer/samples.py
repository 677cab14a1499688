"""Sample photos: reads the photographs that scikit-image and scikit-learn carry, writes them into a folder.

`python -m indexer.samples FOLDER`. Nothing is downloaded, and the packages themselves are not imported.
"""

import importlib.util
import shutil
import sys
from pathlib import Path

import typer

from retrieval.errors import InstallationError, RetrievalError

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


def find_samples() -> list[Path]:
    """The photographs, where the packages keep them.

    Raises:
        InstallationError: a package is not installed, or no longer holds one of them.
    """
    found = [_find_folder(package, folder) / name for package, folder, names in _SOURCES for name in names]
    missing = [path for path in found if not path.is_file()]
    if missing:
        raise InstallationError(
            f"found no {missing[0]}, expected it as a part of the package; reinstall 'retrieve[samples]'"
        )
    return found


def write_samples(folder: Path) -> list[Path]:
    """Copy the photographs into a folder, which is made where it is missing; returns the copies.

    Raises:
        InstallationError: as `find_samples`.
    """
    samples = find_samples()
    folder.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copyfile(sample, folder / sample.name)) for sample in samples]


def _find_folder(package: str, folder: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise InstallationError(f"found no package {package}; run `pip install 'retrieve[samples]'`")
    return Path(spec.origin).parent / folder


def _main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        typer.echo("usage: python -m indexer.samples FOLDER", err=True)
        return 2
    try:
        written = write_samples(Path(arguments[0]))
    except (RetrievalError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        return 1
    typer.echo(f"{len(written)} sample photos in {arguments[0]}", err=True)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
