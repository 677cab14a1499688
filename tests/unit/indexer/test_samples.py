import os
import subprocess
import sys
from pathlib import Path

import pytest

from indexer import samples
from indexer.photo_files.photo_file import read_photo
from indexer.photo_files.scan import scan_photos
from indexer.pixels.decode import decode_photo
from indexer.samples import find_samples, write_captioned_samples, write_samples
from retrieval.captioned_dataset import read_captioned_dataset
from retrieval.errors import InstallationError
from retrieval.store.files import hash_file


def test_samples_are_photographs_that_can_be_indexed(tmp_path: Path) -> None:
    written = write_samples(tmp_path / "made" / "samples")
    names = {path.name for path in written}
    assert names >= {"astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg"}
    assert names >= {"motorcycle_left.png", "china.jpg", "flower.jpg"}
    assert list(scan_photos([tmp_path]).paths) == sorted(os.fsencode(path) for path in written)
    for path in written:
        photo = decode_photo(read_photo(path).data, 16)
        assert min(photo.width, photo.height) >= 200


def test_copies_are_the_packages_bytes(tmp_path: Path) -> None:
    originals = {path.name: hash_file(path) for path in find_samples()}
    assert {path.name: hash_file(path) for path in write_samples(tmp_path)} == originals


def test_missing_package_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_SOURCES", (("no_such_package", "data", ("a.png",)),))
    with pytest.raises(
        InstallationError, match=r"^found no package no_such_package; run `/.* -m pip install scikit"
    ):
        find_samples()


def test_missing_photograph_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_SOURCES", (("skimage", "data", ("no_such.png",)),))
    with pytest.raises(InstallationError, match=r"^found no .*no_such\.png"):
        find_samples()


def test_captioned_samples_are_a_dataset_with_sentences_for_every_photo(tmp_path: Path) -> None:
    written = write_captioned_samples(tmp_path)
    dataset = read_captioned_dataset(tmp_path)
    assert {entry.path for entry in dataset.photos} == set(written)
    assert {path.name for path in written} > {path.name for path in find_samples()}
    assert all(len(set(entry.captions)) == 4 and entry.split == "test" for entry in dataset.photos)


def test_as_a_module(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "indexer.samples", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run(str(tmp_path))
    assert (done.returncode, done.stderr) == (0, f"{len(find_samples())} sample photos in {tmp_path}\n")
    assert run().returncode == run("--wrong", str(tmp_path)).returncode == 2
