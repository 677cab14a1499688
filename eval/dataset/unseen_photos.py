"""Photos of other subjects than the training data's: reads packages of Debian, writes a captioned dataset.

`python -m eval.dataset.unseen_photos FOLDER`. The photos are those that Debian's desktops and OpenCV's
documentation carry, some 270 MB of packages, and the captioned samples (see `indexer.samples`); the sentences
are our own, written before any model of ours had seen these photos. Nothing was trained on them or tuned by
them, but models were checked on them before they were shipped.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from indexer.samples import fill_folder, write_captioned_samples
from retrieval.command.python_module import run_as_module
from retrieval.errors import InstallationError

_CAPTIONS = Path(__file__).with_name("unseen_captions.jsonl")
_PROGRAMS = ("apt-get", "dpkg-deb")


class UnseenPhoto(NamedTuple):
    """A file of a Debian package, the name that it gets here, and what it shows."""

    package: str
    file: str
    image: str
    captions: list[str]


def read_unseen_photos() -> list[UnseenPhoto]:
    """What is known of the photos of Debian's packages."""
    lines = _CAPTIONS.read_text(encoding="utf-8").splitlines()
    return [UnseenPhoto(**json.loads(line)) for line in lines]


def write_unseen_photos(folder: Path) -> list[Path]:
    """Write a dataset for `retrieve eval`, `images/` and `captions.jsonl`; returns its photos.

    Photos that are there are not fetched again.

    Raises:
        InstallationError: this is no Debian, its packages cannot be fetched, or one lacks a photo.
    """
    images, photos = folder / "images", read_unseen_photos()
    images.mkdir(parents=True, exist_ok=True)
    missing = [photo for photo in photos if not (images / photo.image).is_file()]
    if missing:
        with tempfile.TemporaryDirectory(dir=folder) as unpacked:
            _unpack(sorted({photo.package for photo in missing}), Path(unpacked))
            for photo in missing:
                _take(Path(unpacked) / photo.file, images / photo.image, photo.package)
    samples = write_captioned_samples(folder)
    with (folder / "captions.jsonl").open("a", encoding="utf-8") as lines:
        for photo in photos:
            row = {"image": photo.image, "captions": photo.captions}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    return [*samples, *(images / photo.image for photo in photos)]


def _unpack(packages: Sequence[str], folder: Path) -> None:
    lacking = [program for program in _PROGRAMS if shutil.which(program) is None]
    if lacking:
        raise InstallationError(f"found no {lacking[0]}, expected Debian or what is like it; evaluate there")
    _run(["apt-get", "download", "--quiet", *packages], folder)
    for package in sorted(folder.glob("*.deb")):
        _run(["dpkg-deb", "--extract", package.name, "."], folder)


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise InstallationError(
            f"`{' '.join(command)}` failed ({reason}); run `apt-get update`, and try again"
        )


def _take(source: Path, target: Path, package: str) -> None:
    if not source.is_file():
        raise InstallationError(f"found no {source.name} in Debian's package {package}, expected Debian 12's")
    source.replace(target)


if __name__ == "__main__":
    fill = partial(fill_folder, write_unseen_photos, "photos of other subjects")
    sys.exit(run_as_module("eval.dataset.unseen_photos", "FOLDER", fill))
