"""An HRNet-style trunk: parallel resolutions that exchange what they see. Reads and writes nothing.

After Wang et al. 2020, *Deep High-Resolution Representation Learning*: the fine grid is kept from the first
layer to the last instead of being won back in the end. Shapes: B photos, C channels, H×W places of a map.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from indexer.image_encoder.residual import ResidualBlock, convolve, enlarge

_WIDTHS = (32, 64, 128)  # channels of the streams, at a grid of 1/8, 1/16 and 1/32 of the pixels
_CHANNELS = 256


class Exchange(nn.Module):
    """Every stream becomes the sum of all of them, each brought to its grid (section 3.2).

    y_i = ReLU(Σ_j f_ji(x_j)): f is the identity for j = i, a 1×1 convolution and an enlargement from a
    coarser stream, and 3×3 convolutions of stride 2, one per halving, from a finer one.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            nn.ModuleList(_connect(widths, source, target) for source in range(len(widths)))
            for target in range(len(widths))
        )

    def forward(self, streams: Sequence[Tensor]) -> list[Tensor]:
        """The streams' maps, finest first → the same shapes."""
        mixed = []
        for paths, target in zip(self.paths, streams, strict=True):
            brought = [path(stream) for path, stream in zip(cast(nn.ModuleList, paths), streams, strict=True)]
            mixed.append(torch.stack([_fit(each, target.shape[-2:]) for each in brought]).sum(dim=0).relu())
        return mixed


class HighResolutionTrunk(nn.Module):
    """A stem to an eighth of the pixels, then stages of one, two and three streams, all kept to the end."""

    def __init__(self) -> None:
        super().__init__()
        fine = _WIDTHS[0]
        halvings = [nn.Sequential(convolve(width, fine, stride=2), nn.ReLU()) for width in (3, fine, fine)]
        self.stem = nn.Sequential(*halvings, ResidualBlock(fine))
        self.openings = nn.ModuleList(
            nn.Sequential(convolve(*widths, stride=2), nn.ReLU()) for widths in pairwise(_WIDTHS)
        )
        self.stages = nn.ModuleList(
            nn.ModuleList(ResidualBlock(width) for width in _WIDTHS[: count + 1])
            for count in range(1, len(_WIDTHS))
        )
        self.exchanges = nn.ModuleList(Exchange(_WIDTHS[: count + 1]) for count in range(1, len(_WIDTHS)))
        self.head = nn.Sequential(convolve(sum(_WIDTHS), _CHANNELS, kernel=1), nn.ReLU())

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → all streams together on the finest grid (B, 256, H / 8, W / 8)."""
        streams = [self.stem(x_BCHW)]
        for opening, blocks, exchange in zip(self.openings, self.stages, self.exchanges, strict=True):
            streams.append(opening(streams[-1]))
            blocks = cast(nn.ModuleList, blocks)
            streams = exchange([block(stream) for block, stream in zip(blocks, streams, strict=True)])
        finest = streams[0].shape[-2:]
        return cast(Tensor, self.head(torch.cat([_fit(stream, finest) for stream in streams], dim=1)))

    def maps(self, x_BCHW: Tensor) -> tuple[Tensor, ...]:
        """Its one map, for a neck."""
        return (self.forward(x_BCHW),)


def _connect(widths: Sequence[int], source: int, target: int) -> nn.Module:
    if source == target:
        return nn.Identity()
    if source > target:
        return convolve(widths[source], widths[target], kernel=1)
    layers: list[nn.Module] = []
    for _ in range(source, target - 1):
        layers += [convolve(widths[source], widths[source], stride=2), nn.ReLU()]
    return nn.Sequential(*layers, convolve(widths[source], widths[target], stride=2))


def _fit(x_BCHW: Tensor, size: torch.Size) -> Tensor:
    return x_BCHW if x_BCHW.shape[-2:] == size else enlarge(x_BCHW, (size[0], size[1]))
