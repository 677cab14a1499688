"""What a training sees of a photo is what indexing sees of it, whatever its mode."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.image_encoder.views import ViewCache
from indexer.pixels.decode import decode_photo
from retrieval.progress import no_progress

SIDE = 8


def draw_transparent() -> Image.Image:
    return Image.new("RGBA", (SIDE, SIDE), (200, 0, 0, 0))


def draw_sixteen_bits() -> Image.Image:
    return Image.fromarray(np.full((SIDE, SIDE), 40_000, dtype=np.uint16))


@pytest.mark.parametrize("draw", [draw_transparent, draw_sixteen_bits])
def test_transparent_photos_and_those_of_sixteen_bits_look_as_they_do_when_indexed(
    tmp_path: Path, draw: Callable[[], Image.Image]
) -> None:
    photo = tmp_path / "photo.png"
    draw().save(photo)
    (seen_SSC,) = ViewCache(tmp_path / "views", 0, no_progress).pixels(SIDE, [photo])
    assert np.array_equal(seen_SSC, decode_photo(photo.read_bytes(), "", SIDE).pixels_HWC)
