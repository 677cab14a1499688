"""Vectors that came since an index was made, searched beside it. Reads and writes nothing.

Shapes: Q queries, N vectors, D dimensions, K neighbours, P photos.
"""

import numpy as np

from retrieval.channels.vector_index import FlatIndex, StoredVectorIndex


class LayeredVectors:
    """An index and a few vectors more, which are all compared; some vectors of the index are gone.

    What is found of either is what it finds alone.
    """

    def __init__(
        self, base: StoredVectorIndex, numbers_N: np.ndarray, recent: FlatIndex, photos: int
    ) -> None:
        """`numbers_N` are ids for the vectors of `base` in their order, below `photos`; -1: it is gone."""
        gone_N = numbers_N < 0
        self._gone = int(np.count_nonzero(gone_N))
        self._photos = photos
        # Each of them has an id of its own, and is found by nobody.
        ids_N = np.where(gone_N, photos - 1 + np.cumsum(gone_N), numbers_N)
        self._base = base.with_ids(ids_N)
        self._recent = recent
        self.ids = np.concatenate([numbers_N[~gone_N], recent.ids])

    @property
    def kind(self) -> str:
        """As `VectorIndex.kind`: that of the index."""
        return self._base.kind

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        return self._base.dimension

    def __len__(self) -> int:
        return len(self.ids)

    def vectors(self, ids_N: np.ndarray) -> np.ndarray:
        """As `VectorIndex.vectors`."""
        recent_ND = self._recent.vectors(ids_N)
        return np.where(np.isnan(recent_ND), self._base.vectors(ids_N), recent_ND)

    def search(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `VectorIndex.search`."""
        if allowed is None:
            found = self._base.search(queries_QD, k + self._gone)
        else:
            found = self._base.search(queries_QD, k, np.append(allowed, np.zeros(self._gone, dtype=bool)))
        both = zip(found, self._recent.search(queries_QD, k, allowed), strict=True)
        scores_QC, ids_QC = (np.concatenate(each, axis=1) for each in both)
        scores_QC[ids_QC >= self._photos] = -np.inf
        order_QK = np.lexsort((ids_QC, -scores_QC))[:, :k]
        scores_QK, ids_QK = (np.take_along_axis(each, order_QK, 1) for each in (scores_QC, ids_QC))
        return scores_QK, np.where(scores_QK > -np.inf, ids_QK, -1)
