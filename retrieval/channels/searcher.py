"""How one channel answers. Holds a channel's index; reads and writes nothing.

Shapes: Q queries, D dimensions of a sentence vector, K photos of an answer, P photos of the index.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from retrieval.channels.lexical_index import LexicalIndex
from retrieval.channels.vector_index import VectorIndex
from retrieval.text.text_head import TextHead

_TINY = np.finfo(np.float32).tiny
# Sentences whose vectors in the space of a text head are kept, a few kilobytes each.
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Sentences as they were typed, and their vectors (Q, D): each channel takes what it needs."""

    texts: tuple[str, ...]
    vectors_QD: np.ndarray


class Searcher(Protocol):
    """One channel of an opened index. Implementations: `VectorSearcher`, `LexicalSearcher`."""

    def search(
        self, queries: Queries, k: int, allowed_P: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(scores float32 (Q, k), photos' numbers int64 (Q, k)), best first; -inf and -1 beyond the last.

        `allowed_P`, bool by number, says which photos may be answers; None: all.
        """
        ...


class VectorSearcher:
    """Nearest neighbours of the sentence vector, in its own space or in the one that a text head leads to."""

    def __init__(self, vector_index: VectorIndex, text_head: TextHead | None = None) -> None:
        self.vectors = vector_index
        self._text_head = text_head
        self._project_one = lru_cache(_REMEMBERED)(self._project_bytes)

    def search(
        self, queries: Queries, k: int, allowed_P: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `Searcher.search`; a score is a cosine."""
        return self.vectors.search(self._project(queries.vectors_QD), k, allowed_P)

    def _project(self, vectors_QD: np.ndarray) -> np.ndarray:
        if self._text_head is None:
            return vectors_QD
        if len(vectors_QD) == 1:
            # Who filters, or asks for more, asks with the same sentence again.
            return self._project_one(vectors_QD.tobytes())
        return self._text_head.project(vectors_QD)

    def _project_bytes(self, vector: bytes) -> np.ndarray:
        assert self._text_head is not None
        return self._text_head.project(np.frombuffer(vector, dtype=np.float32)[None])


class LexicalSearcher:
    """Words in common; a photo without any of the query's is no answer."""

    def __init__(self, words: LexicalIndex) -> None:
        self.words = words

    def search(
        self, queries: Queries, k: int, allowed_P: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `Searcher.search`.

        A score is BM25 over the query's weight: 1 for a text of average length with each of its words once.
        """
        scores_QK, numbers_QK = self.words.search(queries.texts, k, allowed_P)
        weight_Q = np.array([self.words.weigh(text) for text in queries.texts], dtype=np.float32)
        return scores_QK / np.maximum(weight_Q, _TINY)[:, None], numbers_QK
