"""The words of the captions, which phrases and -words are strict about. Reads and writes nothing.

Shapes: P photos.
"""

from collections.abc import Sequence

import numpy as np

from retrieval.captioned_dataset.tokenize import tokenize


class CaptionWords:
    """All captions of each photo as words."""

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        """`captions` are those of each photo, in order of number."""
        self._captions = [[tokenize(text) for text in texts] for texts in captions]

    def find(self, text: str) -> np.ndarray:
        """Bool (P,): the photos of which a caption holds these words in this order, but for their endings."""
        return self.find_phrase(text)

    def find_phrase(self, phrase: str) -> np.ndarray:
        """Bool (P,): the photos of which a caption holds exactly these words in this order."""
        wanted = f" {' '.join(tokenize(phrase))} "
        return np.array(
            [any(wanted in f" {' '.join(words)} " for words in texts) for texts in self._captions], dtype=bool
        )
