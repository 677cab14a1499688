"""The hourglass neck: a finer grid of annotations over any trunk. Reads and writes nothing.

Shapes: B photos, C channels of a trunk's map, D annotation channels, H×W places of a map.
"""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from indexer.image_encoder.residual import ResidualBlock, convolve, enlarge

_HIDDEN = 4  # a residual block is so many times narrower inside


class HourglassNeck(nn.Module):
    """Down as the trunk goes and once more, then up again, summing the skips (Newell et al. 2016, figure 3).

    With the trunk's maps m_1 (finest) … m_n (coarsest): x_{n+1} = block(pool(skip(m_n))) and
    x_i = block(skip(m_i) + enlarge(x_{i+1})). x_1 sees the whole photo on the grid of m_1.
    """

    def __init__(self, channels: Sequence[int], width: int = 256) -> None:
        """`channels` of the trunk's maps, finest first; `width` is D."""
        super().__init__()
        self.width = width
        self.skips = nn.ModuleList(convolve(each, width, kernel=1) for each in channels)
        self.bottom = ResidualBlock(width, width // _HIDDEN)
        self.blocks = nn.ModuleList(ResidualBlock(width, width // _HIDDEN) for _ in channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """The trunk's maps (B, C, H, W), finest first → annotations on the finest grid (B, D, H, W)."""
        skips = [skip(each) for skip, each in zip(self.skips, maps, strict=True)]
        x = self.bottom(F.max_pool2d(skips[-1], 2, ceil_mode=True))
        for skip, block in zip(reversed(skips), reversed(self.blocks), strict=True):
            x = block(skip + enlarge(x, skip.shape[-2:]))
        return cast(Tensor, x)
