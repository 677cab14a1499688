"""The CNN that every photo goes through once: uint8 pixels in, annotations a_BLD on a grid out.

Shapes: B photos, S pixels a side, L = rows·columns locations, D annotation channels.
"""

from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from indexer.image_encoder.efficientnet_lite import EfficientNetLite

# Pixels a side that one location of the CNNs' grids covers.
_STRIDE = 32


@dataclass(frozen=True, slots=True)
class Pixels:
    """The input a CNN was trained on: `size` pixels a side, (x − mean) / scale per channel, x in 0…255."""

    size: int
    mean: tuple[float, ...] = (127.0,) * 3
    scale: tuple[float, ...] = (128.0,) * 3


class Normalise(nn.Module):
    """RGB 0…255 (B, S, S, 3), uint8 or float → float32 (B, 3, S, S) as a CNN expects it."""

    mean_C: Tensor
    scale_C: Tensor

    def __init__(self, expected: Pixels) -> None:
        super().__init__()
        self.register_buffer("mean_C", torch.tensor(expected.mean), persistent=False)
        self.register_buffer("scale_C", torch.tensor(expected.scale), persistent=False)

    def forward(self, pixels_BSSC: Tensor) -> Tensor:
        """As the class says."""
        return ((pixels_BSSC.float() - self.mean_C) / self.scale_C).permute(0, 3, 1, 2)


class ImageEncoder(nn.Module):
    """A CNN cut at its last feature map, with the normalisation that it was trained with.

    `frozen_forward` is what of it stays as it is while a captioner is trained: here all, so that it gives
    annotations. The encoders of which that training learns a part, `trainable`, are in `learned.py`.
    """

    def __init__(
        self,
        name: str,
        weights_sha256: str,
        trunk: nn.Module,
        expected: Pixels,
        trainable: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.weights_sha256 = weights_sha256
        self.trunk = trunk
        self.trainable = trainable
        self.normalise = Normalise(expected)
        self.dtype = torch.float32
        self._expect(expected)

    def _expect(self, expected: Pixels) -> None:
        self.expected = expected
        self.image_size = expected.size
        with torch.inference_mode():
            _, self.channels, rows, columns = self.features(make_blank(expected)).shape
        self.grid = (rows, columns)

    def enlarge(self, times: float) -> "ImageEncoder":
        """The same for larger photos, to the nearest multiple of 32 pixels a side: with more annotations.

        Only an EfficientNet alone; a neck is made for maps of one size, and others were not tried.
        """
        if times != 1 and isinstance(self.trunk, EfficientNetLite) and self.trainable is None:
            size = max(round(self.image_size * times / _STRIDE), 1) * _STRIDE
            self._expect(replace(self.expected, size=size))
        return self

    @property
    def frozen_fingerprint(self) -> str:
        """What decides the outcome of `frozen_forward`, given the pixels."""
        return f"{self.weights_sha256} {self.dtype}"

    def frozen_forward(self, pixels_BSSC: Tensor) -> Tensor:
        """uint8 RGB (B, S, S, 3) → what `trainable` reads, or else the annotations a_BLD."""
        return flatten_grid(self.features(pixels_BSSC))

    def features(self, pixels_BSSC: Tensor) -> Tensor:
        """uint8 RGB (B, S, S, 3) → feature map (B, D, rows, columns) in `dtype`."""
        if self.trainable is None:
            return cast(Tensor, self.trunk(self.preprocess(pixels_BSSC)))
        return cast(Tensor, self.trainable(self.frozen_forward(pixels_BSSC)))

    def forward(self, pixels_BSSC: Tensor) -> Tensor:
        """uint8 RGB (B, S, S, 3) → annotations a_BLD, locations in reading order."""
        return flatten_grid(self.features(pixels_BSSC))

    def preprocess(self, pixels_BSSC: Tensor) -> Tensor:
        """uint8 RGB (B, S, S, 3) → what the trunk reads (B, 3, S, S) in `dtype`."""
        x_BCSS: Tensor = self.normalise(pixels_BSSC)
        return x_BCSS.to(self.dtype, memory_format=torch.channels_last)

    def for_inference(self, dtype: torch.dtype) -> "ImageEncoder":
        """Evaluation mode, batch norms folded where the network allows it, all weights in `dtype`."""
        self.freeze(dtype)
        if self.trainable is not None:
            self.trainable.to(dtype)
        return self

    def freeze(self, dtype: torch.dtype) -> "ImageEncoder":
        """As `for_inference`, but for the learned part, which keeps its precision."""
        if isinstance(self.trunk, EfficientNetLite):
            self.trunk.fold_batch_norms()
        self.trunk.to(dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dtype = dtype
        return self.eval()


def make_blank(expected: Pixels) -> Tensor:
    """One black photo, uint8 (1, S, S, 3), to measure with."""
    return torch.zeros(1, expected.size, expected.size, 3, dtype=torch.uint8)


def flatten_grid(features_BDRC: Tensor) -> Tensor:
    """Feature map (B, D, rows, columns) → annotations a_BLD, locations in reading order."""
    return features_BDRC.flatten(2).transpose(1, 2)
