"""What every captioner does: pixels in, captions with the attention behind each word out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from indexer.captioner.config import DecodingConfig


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


@runtime_checkable
class BeamCaptioner(Captioner, Protocol):
    """A captioner whose CNN pass others can share, and that gives all that beam search found, and samples.

    Implementations: `AttentionCaptioner`.
    """

    @property
    def image_encoder_sha256(self) -> str:
        """SHA-256 of the CNN's weights, in hex."""
        ...

    @property
    def decoding(self) -> "DecodingConfig":
        """How it writes."""
        ...

    def encode(self, pixels_BSSC: np.ndarray) -> "Tensor":
        """uint8 RGB (B, S, S, 3) → annotations (B, locations, channels)."""
        ...

    def decode(self, a_BLD: "Tensor") -> list[list[Caption]]:
        """What beam search found of each photo, best first, the best again where others have more."""
        ...

    def sample(self, a_BLD: "Tensor", samples: int, temperature: float, seed: int) -> list[list[Caption]]:
        """Captions drawn at random for each photo; which ones does not depend on the other photos."""
        ...
