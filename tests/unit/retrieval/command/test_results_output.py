"""A picture lies where it was asked for, whole, or a line says why not."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from retrieval.command.results_output import save_picture
from retrieval.errors import RetrievalError, UsageError


@pytest.fixture
def picture() -> Image.Image:
    return Image.radial_gradient("L").convert("RGB")


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.webp", "a.pdf"])
def test_a_picture_is_of_the_kind_that_its_name_says(tmp_path: Path, picture: Image.Image, name: str) -> None:
    picture.save(tmp_path / f"expected-{name}")
    save_picture(picture, tmp_path / name)
    expected = (tmp_path / f"expected-{name}").read_bytes()
    assert (tmp_path / name).read_bytes()[:200] == expected[:200]


@pytest.mark.parametrize("name", ["a", "a.xyz", "a.psd", "a.xbm", ".", ".png"])
def test_a_name_that_is_none_of_a_picture_is_refused(tmp_path: Path, picture: Image.Image, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot write the picture to .*; name a file ending in \.png"):
        save_picture(picture, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_in_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path, picture: Image.Image) -> None:
    with pytest.raises(UsageError, match=r"cannot write the picture to .*; name a file elsewhere"):
        save_picture(picture, tmp_path / "nowhere" / "a.png")


def test_a_full_disk_is_no_mistake_and_leaves_no_part_of_a_picture(
    tmp_path: Path, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(RetrievalError, match="free some space or name a file elsewhere") as refused:
        save_picture(picture, tmp_path / "a.png")
    assert refused.value.exit_code == 1
    assert "No space left on device" in str(refused.value)
    assert list(tmp_path.iterdir()) == []
