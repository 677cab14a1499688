"""What a training sees of a photo is what indexing sees of it, whatever its mode, and in the same library."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from indexer.image_encoder import ImageEncoder, load_image_encoder
from indexer.image_encoder.annotators import least_cosine, make_probes
from indexer.image_encoder.views import ViewCache
from indexer.pixels.decode import decode_photo
from retrieval.errors import DatasetError
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
    assert np.array_equal(seen_SSC, decode_photo(photo.read_bytes(), SIDE).pixels_HWC)


def test_damaged_metadata_count_as_none(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Canon", 6
    wide_of_text = exif.tobytes().replace(b"\x01\x0f", b"\x01\x00")
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (SIDE, SIDE), "teal").save(photo, exif=wide_of_text)
    (seen_SSC,) = ViewCache(tmp_path / "views", 0, no_progress).pixels(SIDE, [photo])
    assert np.array_equal(seen_SSC, decode_photo(photo.read_bytes(), SIDE).pixels_HWC)


def test_of_a_format_that_is_not_indexed_nothing_is_seen(tmp_path: Path) -> None:
    """Such as PostScript, for which Pillow starts another program."""
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (SIDE, SIDE)).save(photo, format="PPM")
    with pytest.raises(DatasetError, match="cannot be read"):
        ViewCache(tmp_path / "views", 0, no_progress).pixels(SIDE, [photo])


def test_a_photo_that_is_too_large_to_decode_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "photo.png"
    draw_transparent().save(photo)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9)
    with pytest.raises(DatasetError, match=f"^{photo} cannot be read .*decompression bomb"):
        ViewCache(tmp_path / "views", 0, no_progress).pixels(SIDE, [photo])


def test_a_full_disk_is_told_before_anything_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    photo, cache = tmp_path / "photo.png", ViewCache(tmp_path / "views", 0, no_progress)
    draw_transparent().save(photo)
    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", fail)
        with pytest.raises(OSError, match="No space left"):
            cache.pixels(SIDE, [photo])
    assert list(cache.folder.iterdir()) == []
    assert cache.pixels(SIDE, [photo]).shape == (1, SIDE, SIDE, 3)


def test_views_that_were_deleted_are_seen_again_also_after_a_run_that_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, cache = tmp_path / "photo.png", ViewCache(tmp_path / "views", 0, no_progress)
    draw_transparent().save(photo)
    seen = cache.pixels(SIDE, [photo]).copy()
    next(cache.folder.glob("*.npy")).unlink()
    with monkeypatch.context() as stopped:
        stopped.delattr("indexer.image_encoder.views._cut_view")
        with pytest.raises(NameError):
            cache.pixels(SIDE, [photo])
    assert np.array_equal(cache.pixels(SIDE, [photo]), seen)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for path, pixels_SSC in zip(paths, make_probes(96), strict=True):
        Image.fromarray(pixels_SSC).save(path)
    return paths


def see_by_torch(encoder: ImageEncoder, cache: ViewCache, photos: list[Path]) -> torch.Tensor:
    with torch.inference_mode():
        return encoder.frozen_forward(torch.tensor(cache.pixels(encoder.image_size, photos))).half()


def test_a_frozen_network_sees_in_a_faster_library_what_it_sees_in_torch(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_image_encoder("efficientnet-lite2-flickr8k").for_inference(torch.bfloat16)
    cache = ViewCache(tmp_path / "views", 0, no_progress)
    expected_BLD = see_by_torch(encoder, cache, photos)
    monkeypatch.setattr(ImageEncoder, "frozen_forward", None)  # Torch's is not asked.
    found_BLD = torch.tensor(cache.annotations(encoder, photos, 0))
    assert least_cosine(found_BLD, expected_BLD) > 0.99
    means_BD = torch.tensor(cache.means(encoder, photos, 0))
    assert least_cosine(means_BD, expected_BLD.float().mean(dim=1)) > 0.995
    assert encoder.dtype is torch.bfloat16


def test_another_seed_sees_only_crops_anew(tmp_path: Path, photos: list[Path]) -> None:
    encoder = load_image_encoder("hrnet")
    folder = tmp_path / "views"
    for seed in range(2):
        cache = ViewCache(folder, seed, no_progress)
        for view in range(3):
            cache.frozen_outputs(encoder, photos, view)
    assert len(list(folder.glob("*.npy"))) == 4


def test_in_float32_torch_alone_sees(tmp_path: Path, photos: list[Path]) -> None:
    encoder = load_image_encoder("efficientnet-lite2-flickr8k").for_inference(torch.float32)
    cache = ViewCache(tmp_path / "views", 0, no_progress)
    found_BLD = torch.tensor(cache.annotations(encoder, photos, 0))
    assert torch.equal(found_BLD, see_by_torch(encoder, cache, photos))
