"""Photos made small, and what lies where one was."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from retrieval.pictures.contact_sheet import fit_photo
from retrieval.pictures.thumbnail import embed_thumbnail
from retrieval.store.files import hash_file


@pytest.fixture
def in_time() -> Iterator[None]:
    """Fails the test that waits for five seconds."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits for somebody to write"))
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def draw(path: Path) -> bool:
    image_id = hash_file(path) if path.is_file() else "0" * 64
    return fit_photo(image_id, [path], 20).getpixel((0, 0)) != (238, 238, 238)


def embed(path: Path) -> bool:
    return embed_thumbnail(path, 20) != ""


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize("show", [draw, embed])
def test_a_pipe_in_a_photos_place_is_no_photo_and_nobody_waits_for_it(
    tmp_path: Path, show: Callable[[Path], bool]
) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (40, 40), "teal").save(path)
    assert show(path)
    path.unlink()
    os.mkfifo(path)
    assert not show(path)
