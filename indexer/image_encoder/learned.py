"""Encoders of which a captioner's training learns a part: a neck over any trunk, or a whole trunk of our own.

What stays as it is (`frozen_forward`) is computed once per photo and cached; the `trainable` part travels in
the captioner's checkpoint. Shapes: B photos, S pixels a side, P numbers of all maps together, D annotation
channels.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from math import prod
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from indexer.image_encoder.encoder import ImageEncoder, Normalise, Pixels, make_blank
from indexer.image_encoder.hourglass import HourglassNeck


class Neck(StrEnum):
    """What is put over a trunk."""

    NONE = "none"
    HOURGLASS = "hourglass"


class Trunk(Protocol):
    """What a neck needs of a trunk."""

    def maps(self, x_BCHW: Tensor) -> tuple[Tensor, ...]:
        """Normalised pixels (B, 3, S, S) → feature maps of several resolutions, finest first."""
        ...


class LearnedNeck(nn.Module):
    """A neck over a frozen trunk's maps, which lie one after another: they are cached as one array."""

    def __init__(self, shapes: Sequence[torch.Size]) -> None:
        """`shapes` (C, H, W) of the maps, finest first."""
        super().__init__()
        self.neck = HourglassNeck([shape[0] for shape in shapes])
        self._shapes = tuple(shapes)

    def forward(self, maps_BP: Tensor) -> Tensor:
        """(B, P) → feature map (B, D, rows, columns)."""
        parts = maps_BP.split([prod(shape) for shape in self._shapes], dim=1)
        maps = [part.unflatten(1, shape) for part, shape in zip(parts, self._shapes, strict=True)]
        return cast(Tensor, self.neck(maps))


class LearnedTrunk(nn.Module):
    """A trunk that is learned from pixels, and the neck over it, if any."""

    def __init__(self, trunk: nn.Module, expected: Pixels, neck: Neck) -> None:
        super().__init__()
        self.normalise = Normalise(expected)
        self.trunk = trunk
        self.neck: HourglassNeck | None = None
        if neck is Neck.HOURGLASS:
            x_BCSS = self.normalise(make_blank(expected))
            self.neck = HourglassNeck([shape[0] for shape in measure_maps(trunk, x_BCSS)])

    def forward(self, pixels_BSSC: Tensor) -> Tensor:
        """uint8 RGB (B, S, S, 3) → feature map (B, D, rows, columns)."""
        x_BCSS = self.normalise(pixels_BSSC).to(next(self.trunk.parameters()).dtype)
        if self.neck is None:
            return cast(Tensor, self.trunk(x_BCSS))
        return cast(Tensor, self.neck(cast(Trunk, self.trunk).maps(x_BCSS)))


class NeckedEncoder(ImageEncoder):
    """A trunk that stays as it is, under a neck that is learned."""

    def __init__(self, base: ImageEncoder) -> None:
        x_BCSS = base.preprocess(make_blank(base.expected))
        neck = LearnedNeck(measure_maps(base.trunk, x_BCSS))
        super().__init__(base.name, base.weights_sha256, base.trunk, base.expected, neck)

    @property
    def frozen_fingerprint(self) -> str:
        """As `ImageEncoder.frozen_fingerprint`."""
        return f"{super().frozen_fingerprint} maps"

    def frozen_forward(self, pixels_BSSC: Tensor) -> Tensor:
        """uint8 RGB (B, S, S, 3) → the trunk's maps (B, P)."""
        maps_BCHW = cast(Trunk, self.trunk).maps(self.preprocess(pixels_BSSC))
        return torch.cat([map_BCHW.flatten(1) for map_BCHW in maps_BCHW], dim=1)


class UntrainedEncoder(ImageEncoder):
    """A trunk that has no weights yet: nothing of it stays as it is, and the pixels are what is seen."""

    def __init__(self, name: str, trunk: nn.Module, expected: Pixels, neck: Neck) -> None:
        sha256 = hashlib.sha256(f"{name}, untrained".encode()).hexdigest()
        super().__init__(name, sha256, nn.Identity(), expected, LearnedTrunk(trunk, expected, neck))

    @property
    def frozen_fingerprint(self) -> str:
        """As `ImageEncoder.frozen_fingerprint`."""
        return "pixels"

    def frozen_forward(self, pixels_BSSC: Tensor) -> Tensor:
        """The pixels themselves."""
        return pixels_BSSC


@torch.inference_mode()
def measure_maps(trunk: nn.Module, x_BCSS: Tensor) -> list[torch.Size]:
    """(C, H, W) of each of the maps that the trunk gives a neck, finest first."""
    return [map_BCHW.shape[1:] for map_BCHW in cast(Trunk, trunk).maps(x_BCSS)]
