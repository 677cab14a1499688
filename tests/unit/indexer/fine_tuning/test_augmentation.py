"""Photos as they might have been taken: what may change does, and they stay photos."""

import pytest
import torch
from torch import Tensor

from indexer.fine_tuning.augmentation import augment
from indexer.fine_tuning.config import AugmentationConfig

UNCHANGED = AugmentationConfig(smallest_area=1, stretch=1, degrees=0, colour=0, grey=0, erased=0)


def draw_photos(photos: int, size: int) -> Tensor:
    """Noise, uint8 (photos, size, size, 3), always the same."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (photos, size, size, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("is_bfloat16", [False, True])
def test_without_any_change_a_photo_or_its_mirror_image_comes_out(is_bfloat16: bool) -> None:
    pixels_BSSC = draw_photos(16, 260)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
        changed_BSSC = augment(pixels_BSSC, 260, UNCHANGED, torch.Generator().manual_seed(0))
    mirrored = 0
    for before, after in zip(pixels_BSSC.float(), changed_BSSC, strict=True):
        is_mirrored = torch.allclose(after, before.flip(1), atol=0.01)
        mirrored += is_mirrored
        assert is_mirrored or torch.allclose(after, before, atol=0.01)
    assert 0 < mirrored < 16


def test_changed_photos_stay_photos_and_the_generator_decides_them() -> None:
    pixels_BSSC = draw_photos(8, 20)
    first, again, other = (
        augment(pixels_BSSC, 20, AugmentationConfig(), torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert first.shape == pixels_BSSC.shape
    assert 0 <= float(first.min()) <= float(first.max()) <= 255
    torch.testing.assert_close(first, again)
    assert not torch.allclose(first, other)


def test_erased_is_a_rectangle_of_the_share_of_photos_that_was_asked_for() -> None:
    white_BSSC = torch.full((400, 20, 20, 3), 255, dtype=torch.uint8)
    erased = UNCHANGED.model_copy(update={"erased": 0.5})
    blank_BSS = augment(white_BSSC, 20, erased, torch.Generator().manual_seed(0))[..., 0] == 127.0
    photos = blank_BSS[blank_BSS.flatten(1).any(dim=1)]
    assert 160 < len(photos) < 240
    for blank_SS in photos:
        rows, columns = blank_SS.any(dim=1), blank_SS.any(dim=0)
        assert torch.equal(blank_SS, rows.unsqueeze(1) & columns.unsqueeze(0))


def test_grey_photos_are_grey() -> None:
    pixels_BSSC = draw_photos(4, 9)
    grey = UNCHANGED.model_copy(update={"grey": 1.0})
    changed_BSSC = augment(pixels_BSSC, 9, grey, torch.Generator().manual_seed(0))
    torch.testing.assert_close(changed_BSSC, changed_BSSC[..., :1].expand_as(changed_BSSC))


def test_a_crop_keeps_the_share_of_the_photo_that_was_asked_for() -> None:
    across_BSSC = torch.linspace(0, 255, 260).to(torch.uint8).view(1, 1, 260, 1).expand(50, 260, 260, 3)
    half = UNCHANGED.model_copy(update={"smallest_area": 0.25, "stretch": 1.5})
    changed_BSSC = augment(across_BSSC, 130, half, torch.Generator().manual_seed(0))
    width_B = (changed_BSSC[:, :, 0, 0] - changed_BSSC[:, :, -1, 0]).abs().mean(dim=1) / 255
    assert 0.25 / 1.5 < float(width_B.square().min()) < 0.5
    assert 0.9 < float(width_B.max()) <= 1
