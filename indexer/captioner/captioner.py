"""What every captioner does: pixels in, captions with the attention behind each word out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Caption:
    """A generated caption.

    `logprob` is the sum of the words' log-probabilities in nats, the end token included.
    `attention_TRC` is float32 (words, grid rows, grid columns), each word's weights summing to 1;
    None where the captioner has no attention over the photo.
    """

    words: tuple[str, ...]
    logprob: float
    attention_TRC: np.ndarray | None = None

    @property
    def text(self) -> str:
        """The words with spaces between them."""
        return " ".join(self.words)


class Captioner(Protocol):
    """Photos → captions. Implementations: `AttentionCaptioner`, `TransformersCaptioner`."""

    @property
    def name(self) -> str:
        """What the manifest calls this captioner."""
        ...

    @property
    def weights_sha256(self) -> str:
        """SHA-256 over all weights that decide a caption, in hex."""
        ...

    @property
    def image_size(self) -> int:
        """Side in pixels of the square that photos are squeezed to before `caption`."""
        ...

    def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
        """One caption per photo, for uint8 RGB pixels (photos, image_size, image_size, 3)."""
        ...
