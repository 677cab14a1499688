"""Models without weights, for tests that index many times and for `run_index.py`."""

import hashlib
import time
from collections.abc import Sequence

import numpy as np

from indexer.captioner.captioner import Caption


class ColourCaptioner:
    """Says each photo's mean colour in words, such as "red 200 green 10 blue 0"."""

    image_size = 8

    def __init__(self, name: str = "colours", seconds: float = 0.0) -> None:
        self.name = name
        self.weights_sha256 = hashlib.sha256(name.encode()).hexdigest()
        self.captioned = 0
        self._seconds = seconds

    def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
        time.sleep(self._seconds)
        self.captioned += len(pixels_BHWC)
        return [describe(pixels_HWC.mean(axis=(0, 1)).round().astype(int)) for pixels_HWC in pixels_BHWC]


def describe(colour: Sequence[int]) -> Caption:
    words = (f"red{colour[0]}", f"green{colour[1]}", f"blue{colour[2]}")
    attention_TRC = np.full((3, 2, 2), 0.25, dtype=np.float32)
    return Caption(words, -1.5, attention_TRC)


class HashEncoder:
    """A unit vector per sentence, the same for the same sentence, near to that of no other."""

    dimension = 32

    def __init__(self, name: str = "hashes") -> None:
        self.name = name
        self.weights_sha256 = hashlib.sha256(name.encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors_ND = np.stack([self._encode(text) for text in texts])
        return (vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)).astype(np.float32)

    def _encode(self, text: str) -> np.ndarray:
        seed = hashlib.sha256(f"{self.name} {text}".encode()).digest()
        return np.random.default_rng(list(seed)).standard_normal(self.dimension)
