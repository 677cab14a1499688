"""Photos by their words: what every implementation does. Reads and writes nothing."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np


class WordIndex(Protocol):
    """The stems of photos' texts, with ids. Implementations: `LexicalIndex`, and `MilvusWords`."""

    def search(
        self, queries: Sequence[str], k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(BM25 float32 (Q, k), ids int64 (Q, k)), best first, equal scores by id.

        A query asks for each of its distinct stems; there is no syntax. Photos without any of them are no
        answer, nor are those that `allowed`, bool by id, does not allow: where there are fewer than k others,
        the rest has id -1 and score -inf.

        Raises:
            RetrievalError: k < 1.
        """
        ...

    def weigh(self, query: str) -> float:
        """The sum of the idf of a query's distinct stems, those that no photo has included; 0 without any.

        The idf is that of `weigh_stem`.
        """
        ...

    def photos_with_phrase(self, stems: Sequence[str]) -> np.ndarray:
        """int64, ascending: the ids of the photos in one of whose texts the stems follow one another."""
        ...


def weigh_stem(photos: int, photos_with: int) -> float:
    """The idf of BM25, ln(1 + (N - n + 0.5) / (n + 0.5)), of a stem that n of N photos have."""
    return math.log(1 + (photos - photos_with + 0.5) / (photos_with + 0.5))
