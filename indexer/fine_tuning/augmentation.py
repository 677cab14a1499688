"""A photo as it might have been taken: pixels in, pixels out, drawn anew each time. Reads and writes nothing.

Shapes: B photos, S pixels a side, once cropped those of the crop.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from indexer.fine_tuning.config import AugmentationConfig

_MIDDLE = 127.0  # what EfficientNet-Lite reads as nothing
_ERASED_SIDE = (0.1, 0.4)  # of the photo's


def augment(pixels_BSSC: Tensor, size: int, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """uint8 RGB (B, S, S, 3) → float32 0…255 (B, size, size, 3), each photo changed in its own way."""
    # In bfloat16 places would be off by half a pixel.
    with torch.autocast(pixels_BSSC.device.type, enabled=False):
        photos_BCSS = pixels_BSSC.permute(0, 3, 1, 2).float()
        photos_BCSS = _crop(photos_BCSS, size, config, generator)
        photos_BCSS = _recolour(photos_BCSS, config, generator)
        return _erase(photos_BCSS, config.erased, generator).permute(0, 2, 3, 1)


def _crop(photos_BCSS: Tensor, size: int, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """A random part of the photo, stretched, turned, every second one mirrored, at `size` pixels a side.

    What a turn takes from beyond the photo's edge is reflected.
    """
    batch = len(photos_BCSS)

    def draw(least: float, most: float) -> Tensor:
        return _draw((batch,), least, most, generator)

    area_B = draw(config.smallest_area, 1)
    most_B = (-area_B.log()).clamp(max=math.log(config.stretch))  # more would leave the photo
    stretch_B = (draw(-1, 1) * most_B).exp()
    width_B, height_B = (area_B * stretch_B).sqrt(), (area_B / stretch_B).sqrt()
    mirror_B = torch.where(draw(0, 1) < 0.5, -1.0, 1.0)
    cut_B23 = torch.zeros(batch, 2, 3, device=photos_BCSS.device)
    cut_B23[:, 0, 0], cut_B23[:, 1, 1] = width_B * mirror_B, height_B
    angle_B = draw(-math.radians(config.degrees), math.radians(config.degrees))
    cut_B23[:, :, :2] = _rotations(angle_B) @ cut_B23[:, :, :2]
    cut_B23[:, 0, 2], cut_B23[:, 1, 2] = draw(-1, 1) * (1 - width_B), draw(-1, 1) * (1 - height_B)
    grid_BSS2 = F.affine_grid(cut_B23, [*photos_BCSS.shape[:2], size, size], align_corners=False)
    return F.grid_sample(photos_BCSS, grid_BSS2, padding_mode="reflection", align_corners=False)


def _rotations(angle_B: Tensor) -> Tensor:
    cosine_B, sine_B = angle_B.cos(), angle_B.sin()
    rows = [torch.stack([cosine_B, -sine_B], dim=1), torch.stack([sine_B, cosine_B], dim=1)]
    return torch.stack(rows, dim=1)


def _recolour(photos_BCSS: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation times 1 ± `colour`; a share of the photos in grey."""
    shape = (len(photos_BCSS), 1, 1, 1)
    brightness, contrast, saturation = (
        _draw(shape, 1 - config.colour, 1 + config.colour, generator) for _ in range(3)
    )
    photos_BCSS = photos_BCSS * brightness
    mean_B111 = photos_BCSS.mean(dim=(1, 2, 3), keepdim=True)
    photos_BCSS = (photos_BCSS - mean_B111) * contrast + mean_B111
    grey_B1SS = photos_BCSS.mean(dim=1, keepdim=True)
    saturation = torch.where(_draw(shape, 0, 1, generator) < config.grey, 0.0, saturation)
    return ((photos_BCSS - grey_B1SS) * saturation + grey_B1SS).clamp(0, 255)


def _erase(photos_BCSS: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A rectangle of a share of the photos made blank (Zhong et al. 2020)."""
    batch, size = len(photos_BCSS), photos_BCSS.shape[-1]
    place_S = (torch.arange(size, device=photos_BCSS.device) + 0.5) / size
    inside = []
    for _ in range(2):
        side_B1 = _draw((batch, 1), *_ERASED_SIDE, generator)
        start_B1 = _draw((batch, 1), 0, 1, generator) * (1 - side_B1)
        inside.append((place_S >= start_B1) & (place_S < start_B1 + side_B1))
    chosen_B11 = _draw((batch, 1, 1), 0, 1, generator) < share
    blank_BSS = inside[0].unsqueeze(2) & inside[1].unsqueeze(1) & chosen_B11
    return photos_BCSS.masked_fill(blank_BSS.unsqueeze(1), _MIDDLE)


def _draw(shape: tuple[int, ...], least: float, most: float, generator: torch.Generator) -> Tensor:
    return least + (most - least) * torch.rand(shape, generator=generator, device=generator.device)
