"""Files that are opened, and everything else that may lie in a file's place."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.regular_file import first_there, is_settled, open_regular


def test_a_file_is_opened_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"pixels")
    (tmp_path / "link.jpg").symlink_to(path)
    for place in (path, str(path), bytes(path), tmp_path / "link.jpg"):
        with open_regular(place) as file:
            assert file.read() == b"pixels"
            assert not os.get_inheritable(file.fileno())


def test_the_first_place_with_a_file_whatever_the_others_are(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.touch()
    elsewhere = [tmp_path / "gone.jpg", tmp_path, tmp_path / ("long" * 100), photo / "inside.jpg"]
    assert first_there([*elsewhere, photo, tmp_path / "other.jpg"]) == photo
    assert first_there(elsewhere) == elsewhere[0]


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def list_open_files() -> list[str]:
    """What this process has open now, by where it lies."""
    return [os.path.realpath(file) for file in Path("/proc/self/fd").iterdir()]


@pytest.mark.parametrize("put", [Path.mkdir, os.mkfifo, link_to_a_device, link_to_itself])
def test_what_is_no_file_is_refused_at_once_and_let_go(tmp_path: Path, put: Callable[[Path], None]) -> None:
    path = tmp_path / "photo.jpg"
    put(path)
    with pytest.raises(OSError, match=r"not a regular file|Is a directory|Too many levels"):
        open_regular(path)
    assert os.path.realpath(path) not in list_open_files()


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "photo.jpg")
    with pytest.raises(ValueError, match="null byte"):
        open_regular("photo\x00.jpg")


@pytest.mark.parametrize(("changed", "settled"), [(0, True), (7_999_999_999, True), (8 * 10**9, False)])
def test_a_file_is_settled_two_seconds_after_it_changed(changed: int, settled: bool) -> None:
    assert is_settled(changed, 10 * 10**9) is settled
