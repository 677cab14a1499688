"""A tagger as it is used: annotations in, names of what they show out. Reads a checkpoint; writes nothing."""

from pathlib import Path

import numpy as np
from scipy.special import softmax
from torch import Tensor

from indexer.image_encoder.pooling import pool_photos
from indexer.tagger.checkpoint import TaggerHeader, read_tagger
from retrieval.store.files import hash_file


class Tagger:
    """p = softmax(W mean_j a_j + b) over classes. Shapes: B photos, L locations, D channels, C classes."""

    def __init__(
        self, weight_CD: np.ndarray, bias_C: np.ndarray, header: TaggerHeader, name: str, sha256: str
    ) -> None:
        """`sha256` is the hash of the weights."""
        self.name = name
        self.weights_sha256 = sha256
        self.image_encoder_sha256 = header.image_encoder_sha256
        self._weight_CD = weight_CD
        self._bias_C = bias_C
        self._names = header.names

    def classify(self, a_BLD: Tensor) -> np.ndarray:
        """Annotations → the classes' probabilities (B, C)."""
        mean_BD = pool_photos(a_BLD, lambda part: part.mean(dim=1)).cpu().numpy()
        probabilities_BC: np.ndarray = softmax(mean_BD @ self._weight_CD.T + self._bias_C, axis=1)
        return probabilities_BC

    def tag(self, a_BLD: Tensor, classes: int, least: float) -> list[tuple[str, ...]]:
        """All names of each photo's most probable classes, at most so many, the best first.

        Classes of a probability below `least` give no tags.
        """
        tags = []
        for p_C in self.classify(a_BLD):
            probable = np.flatnonzero(p_C >= least)
            best = probable[np.argsort(-p_C[probable], kind="stable")][:classes]
            tags.append(tuple(dict.fromkeys(name for each in best.tolist() for name in self._names[each])))
        return tags


def load_tagger(path: Path) -> Tagger:
    """The tagger in a .safetensors of `retrieve train tagger`.

    Raises:
        CheckpointError: no tagger there.
    """
    weight_CD, bias_C, header = read_tagger(path)
    return Tagger(weight_CD, bias_C, header, path.stem, hash_file(path))
