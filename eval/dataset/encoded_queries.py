"""A text encoder that remembers: each sentence is encoded once, however many systems are asked for it.

Reads nothing, writes nothing. The engine gets it in the place of its own encoder, with the same vectors.
"""

from collections.abc import Sequence

import numpy as np

from retrieval.progress import Progress
from retrieval.text.text_encoder import TextEncoder

_AT_ONCE = 1024


class EncodedQueries:
    """A `TextEncoder` in front of another one; it keeps 4 x dimension bytes a sentence."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._vectors: dict[str, np.ndarray] = {}
        self.name = encoder.name
        self.weights_sha256 = encoder.weights_sha256
        self.dimension = encoder.dimension

    def remember(self, texts: Sequence[str], progress: Progress) -> None:
        """Encode what is not known yet, many at once, which is faster than batch by batch."""
        unknown = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        for start in range(0, len(unknown), _AT_ONCE):
            batch = unknown[start : start + _AT_ONCE]
            self._vectors.update(zip(batch, self._encoder.encode(batch), strict=True))
            progress("Encoding queries", start + len(batch), len(unknown))

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """As `TextEncoder.encode`; what was not remembered is encoded now."""
        if any(text not in self._vectors for text in texts):
            return self._encoder.encode(texts)
        vectors_ND = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors_ND[row] = self._vectors[text]
        return vectors_ND
