"""Vectors that came since an index was made, searched beside it. Reads and writes nothing.

Shapes: Q queries, N vectors of that index, D dimensions, K neighbours, C candidates.
"""

import numpy as np

from retrieval.channels.best_scores import make_answer, sort_best
from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.vector_index import StoredVectorIndex


class LayeredVectors:
    """An index, some of whose vectors may be gone, and a few vectors more, which are all compared.

    What is found of either is what it finds alone.
    """

    def __init__(
        self, base: StoredVectorIndex, ids_N: np.ndarray, recent: FlatIndex, least_unused: int
    ) -> None:
        """`ids_N` are ids for the vectors of `base`, in their order; -1: it is gone.

        All ids are below `least_unused`.
        """
        gone_N = ids_N < 0
        self._least_unused = least_unused
        # What is gone has ids of its own as well, which no search allows.
        self._gone = int(np.count_nonzero(gone_N))
        self._base = base.with_ids(np.where(gone_N, least_unused - 1 + np.cumsum(gone_N), ids_N))
        self._recent = recent

    def vectors(self, ids_N: np.ndarray) -> np.ndarray:
        """As `VectorIndex.vectors`."""
        recent_ND = self._recent.vectors(ids_N)
        return np.where(np.isnan(recent_ND), self._base.vectors(ids_N), recent_ND)

    def search(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `VectorIndex.search`."""
        found = self._search_base(queries_QD, k, allowed), self._recent.search(queries_QD, k, allowed)
        scores_QC, ids_QC = (np.concatenate(each, axis=1) for each in zip(*found, strict=True))
        scores_QK, ids_QK = make_answer(len(scores_QC), k)
        for query, (scores_C, ids_C) in enumerate(zip(scores_QC, ids_QC, strict=True)):
            there = (ids_C >= 0) & (ids_C < self._least_unused)
            scores, ids = sort_best(scores_C[there], ids_C[there], k)
            scores_QK[query, : len(scores)], ids_QK[query, : len(ids)] = scores, ids
        return scores_QK, ids_QK

    def _search_base(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        if allowed is None and isinstance(self._base, FlatIndex):
            # To ask for more costs it less than a filter, and a GPU has no filter.
            return self._base.search(queries_QD, k + self._gone)
        if allowed is None and self._gone:
            allowed = np.ones(self._least_unused, dtype=bool)
        if allowed is not None:
            allowed = np.append(allowed, np.zeros(self._gone, dtype=bool))
        return self._base.search(queries_QD, k, allowed)
