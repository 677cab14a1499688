"""The CNN that every photo goes through once: uint8 pixels in, annotations a_BLD on a grid out.

Shapes: B photos, S pixels a side, L = rows·columns locations, D annotation channels.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from indexer.image_encoder.efficientnet_lite import EfficientNetLite


@dataclass(frozen=True, slots=True)
class Pixels:
    """The input a CNN was trained on: `size` pixels a side, (x − mean) / scale per channel, x in 0…255."""

    size: int
    mean: tuple[float, ...]
    scale: tuple[float, ...]


class ImageEncoder(nn.Module):
    """A CNN cut at its last feature map, with the normalisation that it was trained with."""

    mean_C: Tensor
    scale_C: Tensor

    def __init__(self, name: str, weights_sha256: str, trunk: nn.Module, expected: Pixels) -> None:
        super().__init__()
        self.name = name
        self.weights_sha256 = weights_sha256
        self.trunk = trunk
        self.image_size = expected.size
        self.register_buffer("mean_C", torch.tensor(expected.mean), persistent=False)
        self.register_buffer("scale_C", torch.tensor(expected.scale), persistent=False)
        self.dtype = torch.float32
        with torch.inference_mode():
            blank = torch.zeros(1, self.image_size, self.image_size, 3, dtype=torch.uint8)
            _, self.channels, rows, columns = self.features(blank).shape
        self.grid = (rows, columns)

    def features(self, pixels_BSSC: Tensor) -> Tensor:
        """uint8 RGB (B, S, S, 3) → feature map (B, D, rows, columns) in `dtype`."""
        return cast(Tensor, self.trunk(self._normalise(pixels_BSSC)))

    def lower_maps(self, pixels_BSSC: Tensor, block: int) -> Tensor:
        """uint8 RGB (B, S, S, 3) → what EfficientNet-Lite's block `block` reads (B, C, rows, columns)."""
        return cast(EfficientNetLite, self.trunk).lower(self._normalise(pixels_BSSC), block)

    def forward(self, pixels_BSSC: Tensor) -> Tensor:
        """uint8 RGB (B, S, S, 3) → annotations a_BLD, locations in reading order."""
        return self.features(pixels_BSSC).flatten(2).transpose(1, 2)

    def _normalise(self, pixels_BSSC: Tensor) -> Tensor:
        x = (pixels_BSSC.float() - self.mean_C) / self.scale_C
        return x.permute(0, 3, 1, 2).to(self.dtype, memory_format=torch.channels_last)

    def for_inference(self, dtype: torch.dtype) -> "ImageEncoder":
        """Evaluation mode, batch norms folded where the network allows it, weights in `dtype`."""
        if isinstance(self.trunk, EfficientNetLite):
            self.trunk.fold_batch_norms()
        self.trunk.to(dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dtype = dtype
        return self.eval()
