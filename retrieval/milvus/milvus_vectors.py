"""A channel's vectors in Milvus. Reads and writes a collection of it.

Shapes: Q queries, D dimensions, N vectors, K neighbours.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from retrieval.channels.best_scores import make_answer, sort_best
from retrieval.milvus.collection import create_collection, finish_collection, insert_rows
from retrieval.milvus.connection import Connection
from retrieval.milvus.pages import SearchedField, find_near_ties
from retrieval.milvus.row_keys import KEY, RowKeys, include
from retrieval.text.unit_vectors import require_unit_vectors

_VECTOR = "vector"
_VECTORS_AT_ONCE = 2000


class MilvusVectors:
    """Exact search by Milvus (FLAT); what its rounding leaves undecided is decided here.

    Milvus may round the products of equal vectors differently. Vectors whose scores come that near are
    fetched and multiplied in float64, so that equal ones tie and come in order of id as everywhere.
    """

    def __init__(self, milvus: Connection, collection: str, dimension: int, rows: RowKeys) -> None:
        """`rows` are all that the collection holds."""
        self._milvus = milvus
        self._collection = collection
        self._rows = rows
        self._field = SearchedField(milvus, collection, _VECTOR)
        self._dimension = dimension

    def vectors(self, ids_N: np.ndarray) -> np.ndarray:
        """As `VectorIndex.vectors`.

        Raises:
            MilvusError: no answer.
        """
        keys_N, there_N = self._rows.find_keys(ids_N)
        vectors_ND = np.full((len(ids_N), self._dimension), np.nan, dtype=np.float32)
        vectors_ND[there_N] = self._fetch(keys_N[there_N])
        return vectors_ND

    def search(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `VectorIndex.search`.

        Raises:
            MilvusError: no answer.
        """
        unit_QD = require_unit_vectors(queries_QD, self._dimension)
        scores_QK, ids_QK = make_answer(len(unit_QD), k)
        condition, count = self._rows.condition(allowed)
        found = min(k, count)
        # One query at a time: a product of matrices is rounded according to what else is asked beside it.
        asked_QD = unit_QD if found else unit_QD[:0]
        answers = [self._field.search(query_D, found, condition, count) for query_D in asked_QD]
        for row, (scores, keys) in enumerate(self._settle(asked_QD, answers)):
            best, ids = sort_best(scores, self._rows.find_ids(keys), found)
            scores_QK[row, : len(ids)], ids_QK[row, : len(ids)] = best, ids
        return scores_QK, ids_QK

    def _settle(
        self, queries_QD: np.ndarray, answers: list[tuple[np.ndarray, np.ndarray]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The answers, their scores exact where rounding leaves open which is higher."""
        near = [find_near_ties(scores_W) for scores_W, _ in answers]
        asked = [keys_W[near_W] for (_, keys_W), near_W in zip(answers, near, strict=True)]
        keys_M = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *asked]))
        vectors_MD = self._fetch(keys_M)
        for query_D, (scores_W, keys_W), near_W in zip(queries_QD, answers, near, strict=True):
            vectors_ND = vectors_MD[np.searchsorted(keys_M, keys_W[near_W])].astype(np.float64)
            exact_W = scores_W.copy()
            exact_W[near_W] = (vectors_ND * query_D).sum(axis=1)
            yield exact_W, keys_W

    def _fetch(self, keys_N: np.ndarray) -> np.ndarray:
        """float32 (N, D): the vectors of these keys, which may repeat."""
        distinct_M, place_N = np.unique(keys_N, return_inverse=True)
        vectors_MD = np.empty((len(distinct_M), self._dimension), dtype=np.float32)
        for start in range(0, len(distinct_M), _VECTORS_AT_ONCE):
            keys = distinct_M[start : start + _VECTORS_AT_ONCE]
            rows = self._milvus.call(
                "query", self._collection, filter=include(keys), output_fields=[KEY, _VECTOR], limit=len(keys)
            )
            found = {row[KEY]: row[_VECTOR] for row in rows}
            vectors_MD[start : start + len(keys)] = [found[key] for key in keys.tolist()]
        return vectors_MD[place_N]


def fill_vectors(
    milvus: Connection, collection: str, dimension: int, batches: Iterable[tuple[np.ndarray, np.ndarray]]
) -> None:
    """Make a collection of unit vectors float32 (N, D) under keys int64 (N,), which come in batches.

    Raises:
        RetrievalError: a vector that is not of unit length.
        MilvusError: no answer, or not all of them arrived.
    """
    create_collection(milvus, collection, _VECTOR, dimension)
    rows = 0
    for vectors_ND, keys_N in batches:
        unit_ND = require_unit_vectors(vectors_ND, dimension)
        pairs = zip(keys_N.tolist(), unit_ND, strict=True)
        insert_rows(milvus, collection, [{KEY: key, _VECTOR: vector} for key, vector in pairs])
        rows += len(unit_ND)
    finish_collection(milvus, collection, rows)
