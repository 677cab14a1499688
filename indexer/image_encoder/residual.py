"""What our own networks are built of. Reads and writes nothing.

Normalised by groups (Wu and He 2018): nothing depends on the other photos of a batch, and nothing is kept
besides the weights. Shapes: B photos, C channels, H×W places of a map.
"""

from torch import Tensor, nn
from torch.nn import functional as F

GROUPS = 8


def convolve(channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution to ceil(H / stride) × ceil(W / stride) places, and the norm after it."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=False),
        nn.GroupNorm(GROUPS, channels_out),
    )


class ResidualBlock(nn.Module):
    """y = ReLU(x + F(x)), F two 3×3 convolutions with a ReLU between them (He et al. 2016)."""

    def __init__(self, channels: int, hidden: int | None = None) -> None:
        """`hidden` channels between the two convolutions, by default as many as come in."""
        super().__init__()
        hidden = hidden or channels
        self.first = convolve(channels, hidden)
        self.second = convolve(hidden, channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        return F.relu(x_BCHW + self.second(F.relu(self.first(x_BCHW))))


def enlarge(x_BCHW: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, H, W) → (B, C, *size), linear between the places."""
    return F.interpolate(x_BCHW, size=size, mode="bilinear", align_corners=False)
