"""Which sentences describe which photos, going by people's captions. Reads and writes nothing.

A sentence describes the photo that it was written of, and every photo whose captions it is as near to as 95
of 100 sentences are to the other captions of their own photo. How near is the mean cosine of their vectors.

Shapes: N pairs of a sentence and a photo, both by number; J sentences, P photos.
"""

import numpy as np

from eval.dataset.collection import Collection
from retrieval.errors import DatasetError
from retrieval.text.text_encoder import TextEncoder

_SHARE_BELOW = 0.05


class Agreement:
    """How near the sentences of a collection are to people's captions of its photos."""

    def __init__(self, collection: Collection, encoder: TextEncoder) -> None:
        """Encodes all sentences.

        Raises:
            DatasetError: a photo with a single caption, which cannot be compared with others.
        """
        self._photo_J = collection.right_photos
        self._captions_P = np.bincount(self._photo_J, minlength=len(collection.photos))
        if (fewest := self._captions_P.min()) < 2:
            raise DatasetError(
                f"found a photo with {fewest} caption in split {collection.split!r}, expected two or more "
                "to compare; calibrate with another dataset"
            )
        self._vectors_JD = encoder.encode([query.text for query in collection.queries])
        self._sums_PD = np.zeros((len(self._captions_P), self._vectors_JD.shape[1]), dtype=np.float32)
        np.add.at(self._sums_PD, self._photo_J, self._vectors_JD)

    def measure(self, sentence_N: np.ndarray, photo_N: np.ndarray) -> np.ndarray:
        """float64 (N,): the mean cosine of each sentence and its photo's captions, itself left out."""
        own_N = self._photo_J[sentence_N] == photo_N
        sums_N = np.einsum("nd,nd->n", self._vectors_JD[sentence_N], self._sums_PD[photo_N], dtype=np.float64)
        return np.asarray((sums_N - own_N) / (self._captions_P[photo_N] - own_N))

    def find_threshold(self) -> float:
        """What 95 of 100 sentences reach with the other captions of their own photo."""
        own_J = self.measure(np.arange(len(self._photo_J)), self._photo_J)
        return float(np.quantile(own_J, _SHARE_BELOW))

    def judge(self, sentence_N: np.ndarray, photo_N: np.ndarray, threshold: float) -> np.ndarray:
        """Bool (N,): whether each sentence describes the photo."""
        own_N = self._photo_J[sentence_N] == photo_N
        return np.asarray(own_N | (self.measure(sentence_N, photo_N) >= threshold))
