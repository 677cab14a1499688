"""Sentence vectors → the space of the image channel. Reads the tensors of an image head's checkpoint."""

from collections.abc import Mapping

import numpy as np

from retrieval.unit_vectors import require_unit_vectors


class TextHead:
    """v = W s + W₂ gelu(W₁ s + b₁) + b₂ of unit length, for a sentence vector s; gelu by its tanh formula.

    Shapes: N sentences, T dimensions of a sentence vector, E of the image channel.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray]) -> None:
        """`tensors` are W, W₁, b₁, W₂ and b₂ as `linear`, `expand`, `project` with `.weight` and `.bias`."""
        self._linear_ET = tensors["linear.weight"]
        self._expand_MT, self._expand_M = tensors["expand.weight"], tensors["expand.bias"]
        self._project_EM, self._project_E = tensors["project.weight"], tensors["project.bias"]

    @property
    def dimension(self) -> int:
        """E, the length of every vector that comes out."""
        return len(self._linear_ET)

    def project(self, sentences_NT: np.ndarray) -> np.ndarray:
        """Unit sentence vectors (N, T) → unit vectors float32 (N, E)."""
        x_NM = sentences_NT @ self._expand_MT.T + self._expand_M
        gelu_NM = 0.5 * x_NM * (1 + np.tanh(np.sqrt(2 / np.pi) * (x_NM + 0.044715 * x_NM**3)))
        v_NE = sentences_NT @ self._linear_ET.T + gelu_NM @ self._project_EM.T + self._project_E
        v_NE /= np.linalg.norm(v_NE, axis=1, keepdims=True)
        return require_unit_vectors(v_NE.astype(np.float32), self.dimension)
