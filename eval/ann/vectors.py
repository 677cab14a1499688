"""Vectors to benchmark indexes on: an index's own, and more made from them. Vectors in, vectors out."""

from dataclasses import dataclass

import numpy as np

NOISE = 0.75
"""The length of the noise that is added to a unit vector before it is made a unit vector again."""


@dataclass(frozen=True, slots=True, eq=False)
class VectorSet:
    """`vectors` float32 (N, D) and `queries` (Q, D), all of unit length; `description` says where from."""

    name: str
    description: str
    vectors: np.ndarray
    queries: np.ndarray


def enlarge_vectors(vectors_ND: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Float32 (count, D): stored vectors, all equally often, plus Gaussian noise of length about `NOISE`.

    Its cosine with the vector that it was made from is therefore about 0.8: a neighbourhood of made-up photos
    around every real one. They are no photos, and nothing but the speed of indexes is measured on them.
    """
    rng = np.random.default_rng(seed)
    made_CD = rng.standard_normal((count, vectors_ND.shape[1]), dtype=np.float32)
    made_CD *= NOISE / vectors_ND.shape[1] ** 0.5
    for start in range(0, count, len(vectors_ND)):
        made_CD[start : start + len(vectors_ND)] += vectors_ND[: count - start]
    made_CD /= np.linalg.norm(made_CD, axis=1, keepdims=True)
    return made_CD
