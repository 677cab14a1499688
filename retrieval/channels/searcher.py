"""How one channel answers. Holds a channel's index; reads and writes nothing.

Shapes: Q queries, D dimensions of a sentence vector, K photos of an answer, P photos of the index.
"""

from functools import lru_cache, partial
from typing import Protocol

import numpy as np

from retrieval.channels.vector_index import VectorIndex
from retrieval.channels.word_index import WordIndex
from retrieval.text.queries import Queries, QueryEncoder

_TINY = np.finfo(np.float32).tiny
# Sentences whose vectors in the space of the image channel are kept, a few kilobytes each.
_REMEMBERED = 1000
FEW = 8
"""So few queries are each brought there by itself, and remembered: each is the same beside any other."""


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
    """Nearest neighbours of the sentence vector, in its own space or where a query encoder leads."""

    def __init__(self, vector_index: VectorIndex, query_encoder: QueryEncoder | None = None) -> None:
        self.vectors = vector_index
        self._query_encoder = query_encoder
        # Not of this object, which would hold itself and its vectors: it is to go when nobody needs it.
        self._encode_one = lru_cache(_REMEMBERED)(partial(_encode_alone, query_encoder))

    def search(
        self, queries: Queries, k: int, allowed_P: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `Searcher.search`; a score is a cosine."""
        return self.vectors.search(self.encode(queries), k, allowed_P)

    def encode(self, queries: Queries) -> np.ndarray:
        """The queries in the space of these vectors, float32 (Q, D)."""
        if self._query_encoder is None:
            return queries.vectors_QD
        if 0 < len(queries.texts) <= FEW:
            each = zip(queries.texts, queries.vectors_QD, strict=True)
            return np.concatenate([self._encode_one(text, vector_D.tobytes()) for text, vector_D in each])
        return self._query_encoder.encode_queries(queries)


class LexicalSearcher:
    """Words in common; a photo without any of the query's is no answer."""

    def __init__(self, words: WordIndex) -> None:
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


def _encode_alone(query_encoder: QueryEncoder | None, text: str, vector: bytes) -> np.ndarray:
    assert query_encoder is not None
    vectors_1D = np.frombuffer(vector, dtype=np.float32)[None]
    return query_encoder.encode_queries(Queries((text,), vectors_1D))
