"""A dataset of photos of other subjects, out of packages made here by Debian's own program."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from eval.dataset import unseen_photos
from eval.dataset.unseen_photos import UnseenPhoto, read_unseen_photos, write_unseen_photos
from retrieval.captioned_dataset import read_captioned_dataset
from retrieval.errors import InstallationError

FIG = UnseenPhoto("fruits", "usr/share/fruits/fig.jpg", "fig.jpg", ["half a fig", "a cut fruit"])
CLOCK = UnseenPhoto("walls", "usr/share/walls/1920x1080.png", "clock.png", ["a clock", "a dial"])

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb makes the packages")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an `apt-get` finds packages, one of a fig and one of a clock."""
    archive, programs = tmp_path / "archive", tmp_path / "bin"
    for folder in (archive, programs):
        folder.mkdir()
    for photo in (FIG, CLOCK):
        root = tmp_path / photo.package
        (root / photo.file).parent.mkdir(parents=True)
        Image.new("RGB", (40, 30), "teal").save(root / photo.file)
        (root / "DEBIAN").mkdir()
        control = ("Version: 1", "Architecture: all", "Maintainer: a <a@b.c>", "Description: a", "")
        (root / "DEBIAN" / "control").write_text(f"Package: {photo.package}\n" + "\n".join(control))
        subprocess.run(["dpkg-deb", "--build", root, archive], check=True, capture_output=True)
    program = programs / "apt-get"
    program.write_text(
        f'#!/bin/sh\nshift 2\nfor package; do\n  cp {archive}/"$package"_*.deb . || exit 100\ndone\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setattr(unseen_photos, "read_unseen_photos", lambda: [FIG, CLOCK])
    return archive


def test_every_photo_has_a_name_of_its_own_and_three_sentences() -> None:
    photos = read_unseen_photos()
    assert len({photo.image for photo in photos}) == len(photos) == 72
    for photo in photos:
        assert Path(photo.image).name == photo.image
        assert photo.file.startswith("usr/share/")
        assert len(set(photo.captions)) == 3


@needs_dpkg
def test_packages_become_a_dataset_beside_the_samples(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = Path("data")
    written = write_unseen_photos(data)
    dataset = read_captioned_dataset(data)
    assert {entry.path.resolve() for entry in dataset.photos} == {path.resolve() for path in written}
    assert len(dataset.photos) == len(written) > 2
    captions = {entry.path.name: tuple(entry.captions) for entry in dataset.photos}
    assert captions["fig.jpg"] == tuple(FIG.captions)
    assert captions["clock.png"] == tuple(CLOCK.captions)
    assert (data / "images" / "fig.jpg").read_bytes() == (tmp_path / "fruits" / FIG.file).read_bytes()
    assert {path.name for path in data.iterdir()} == {"images", "captions.jsonl"}
    for package in archive.iterdir():
        package.unlink()
    before = (data / "captions.jsonl").read_bytes()
    assert write_unseen_photos(data) == written
    assert (data / "captions.jsonl").read_bytes() == before


@needs_dpkg
def test_what_cannot_be_had_is_one_clear_line(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseen_photos, "read_unseen_photos", lambda: [FIG._replace(file="usr/none.jpg")])
    with pytest.raises(InstallationError, match=r"found no none\.jpg in Debian's package fruits"):
        write_unseen_photos(tmp_path / "data")
    monkeypatch.setattr(unseen_photos, "read_unseen_photos", lambda: [FIG._replace(package="nowhere")])
    with pytest.raises(InstallationError, match=r"`apt-get download .*` failed \(.*\); run `apt-get update`"):
        write_unseen_photos(tmp_path / "data")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstallationError, match=r"found no apt-get, expected Debian"):
        write_unseen_photos(tmp_path / "data")


def test_as_a_module_it_wants_a_folder() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "eval.dataset.unseen_photos"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (2, "usage: python -m eval.dataset.unseen_photos FOLDER\n")
