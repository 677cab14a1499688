"""Photos made small, and what lies where one was."""

import io
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from retrieval.pictures.contact_sheet import fit_photo
from retrieval.pictures.thumbnail import draw_thumbnail, embed_thumbnail
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


RED, GREEN = (255, 0, 0), (0, 255, 0)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# sRGB, but what it calls red is green.
EXCHANGED = SRGB.replace(b"rXYZ", b"swap").replace(b"gXYZ", b"rXYZ").replace(b"swap", b"gXYZ")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("profile", "shown"),
    [
        (None, RED),
        (SRGB, RED),
        (EXCHANGED, GREEN),
        (EXCHANGED[:200], RED),
        (EXCHANGED.replace(b"RGB XYZ ", b"GRAYXYZ "), RED),
    ],
    ids=["none", "sRGB", "another", "damaged", "of grey"],
)
def test_colours_are_those_that_the_photos_profile_says(
    kind: str, profile: bytes | None, shown: tuple[int, int, int]
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 40), RED).save(file, kind, icc_profile=profile)
    colour = draw_thumbnail(file.getvalue(), 20).getpixel((9, 9))
    assert colour == pytest.approx(shown, abs=3)
