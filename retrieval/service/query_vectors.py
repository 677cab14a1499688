"""A text encoder that remembers. Reads and writes nothing."""

import threading
from collections.abc import Sequence

import numpy as np

from retrieval.cache import Cache
from retrieval.text.text_encoder import TextEncoder

_MOST = 4096


class RememberingEncoder:
    """A `TextEncoder` for many threads, which encodes a sentence once, and one at a time.

    One sentence is encoded on all cores, and tokenizers are not made for several threads. Each sentence is
    encoded by itself, so that its vector is the same whatever it was asked with.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._vectors: Cache[str, np.ndarray] = Cache(_MOST)
        self._busy = threading.Lock()
        self.name = encoder.name
        self.weights_sha256 = encoder.weights_sha256
        self.dimension = encoder.dimension

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """As `TextEncoder.encode`."""
        vectors = [self._encode_one(text) for text in texts]
        return np.stack(vectors) if vectors else np.zeros((0, self.dimension), dtype=np.float32)

    def _encode_one(self, text: str) -> np.ndarray:
        vector = self._vectors.get(text)
        if vector is None:
            with self._busy:
                vector = self._vectors.get(text)
                if vector is None:
                    vector = self._encoder.encode([text])[0]
                    self._vectors.keep(text, vector)
        return vector
