"""Vectors to search among: every direction is as likely as any other."""

import numpy as np


def unit_vectors(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    """float32 (count, dimension), each of unit length."""
    vectors_ND = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)
