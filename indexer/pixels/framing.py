"""What of a photo a pretrained model looks at. Reads and writes nothing."""

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, slots=True)
class Framing:
    """A square of `side` pixels: the whole photo squeezed into it or, with a `shorter`, the photo's middle.

    `shorter` is what the photo's shorter edge would be in pixels; `resample` is one of `Image.Resampling`.
    """

    side: int
    shorter: int = 0
    resample: int = Image.Resampling.BICUBIC

    @property
    def least_edge(self) -> int:
        """How many pixels the photo's shorter edge needs at least."""
        return max(self.side, self.shorter)

    def find_box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """What of a photo of this size is in the square: left, upper, right and lower edge in its pixels."""
        if not self.shorter:
            return 0, 0, width, height
        extent = self.side * min(width, height) / self.shorter
        left, upper = (width - extent) / 2, (height - extent) / 2
        return left, upper, left + extent, upper + extent
