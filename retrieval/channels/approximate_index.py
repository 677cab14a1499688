"""What approximate vector indexes share: candidates from FAISS, scored again exactly. Touches no file.

Shapes: Q queries, N vectors, D dimensions, K neighbours, C candidates.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, ClassVar, Self

import numpy as np

from retrieval.channels.faiss_file import pack_index, unpack_index
from retrieval.channels.faiss_installation import import_faiss, one_thread
from retrieval.channels.flat_index import FlatIndex
from retrieval.errors import RetrievalError
from retrieval.text.unit_vectors import require_unit_vectors

# Up to so many vectors, or this share of all, every one that is allowed is compared: that is as fast.
_NARROW_ROWS = 2000
_NARROW_SHARE = 0.1

# Candidates beyond those of each neighbour, of which there are so many at least.
_MORE = 40
_LEAST = 10

# Beyond so many neighbours rounding confuses fewer: each takes so many candidates at most. Of 100,000 photos
# of which 32 for each are looked at, a thousand neighbours take 2.2 ms instead of 9, and 94.7 % of them are
# found instead of 94.9 %.
_FIRST = 20
_FURTHER = 4


class ApproximateIndex(ABC):
    """An index that looks at some of the vectors. `effort` says how many: the more, the more are found.

    A narrow filter, and an index of few vectors, is searched exactly; so is a query that finds fewer than k.
    """

    kind: ClassVar[str]
    faiss_class: ClassVar[str]

    def __init__(self, index: Any, exact: FlatIndex) -> None:
        """`index` is FAISS's, `exact` has the same vectors in the same order; see `build`."""
        self._index = index
        self._exact = exact

    @classmethod
    @abstractmethod
    def build(cls, vectors_ND: np.ndarray, ids_N: np.ndarray) -> Self:
        """An index of unit vectors (N, D) with distinct ids (N,); the same ones give the same bytes.

        Raises:
            RetrievalError: vectors that are not of unit length, or ids that do not fit them.
        """

    @classmethod
    def from_bytes(cls, data: Any) -> Self:
        """The inverse of `to_bytes`. The bytes must come from a file whose hash was verified.

        Raises:
            IndexFormatError: not an index of this kind.
        """
        index, ids_N = unpack_index(data, cls.faiss_class)
        return cls(index, FlatIndex(cls._find_vectors(index), ids_N))

    @staticmethod
    @abstractmethod
    def _find_vectors(index: Any) -> Any:
        """The FAISS IndexFlat within `index` that holds the vectors."""

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, int]:
        """As `VectorIndex.settings`."""

    @property
    @abstractmethod
    def effort(self) -> int:
        """How many lists or vectors a search looks into, from 1 up to `most_effort`."""

    @property
    @abstractmethod
    def most_effort(self) -> int:
        """With this effort nothing is left out."""

    @abstractmethod
    def with_effort(self, effort: int) -> None:
        """Look into so many from now on."""

    @property
    def rescored(self) -> float:
        """Of how many candidates for each neighbour the vectors themselves are looked at, at least 1."""
        return 1.0

    def rescore_more(self) -> bool:
        """Look at twice as many from now on; False where that would not help."""
        return False

    @abstractmethod
    def _parameters(self, selector: Any, share: float) -> Any:
        """FAISS's parameters of a search among this share of the vectors, which a selector lets through."""

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        return self._exact.dimension

    @property
    def ids(self) -> np.ndarray:
        """As `VectorIndex.ids`."""
        return self._exact.ids

    def __len__(self) -> int:
        return len(self._exact)

    def vectors(self, ids_N: np.ndarray) -> np.ndarray:
        """As `VectorIndex.vectors`."""
        return self._exact.vectors(ids_N)

    def with_ids(self, ids_N: np.ndarray) -> Self:
        """As `VectorIndex.with_ids`."""
        return type(self)(self._index, self._exact.with_ids(ids_N))

    def to_bytes(self) -> bytes:
        """FAISS's own format: an IndexIDMap."""
        return pack_index(self._index, self.ids)

    def search_all(self, queries_QD: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As `search`, but every vector is compared."""
        return self._exact.search(queries_QD, k)

    def search(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `VectorIndex.search`; what is found is as near as it says, and some that is nearer is missed."""
        if k < 1:
            raise RetrievalError(f"found k = {k}, expected at least 1 neighbour; ask for more")
        unit_QD = require_unit_vectors(queries_QD, self.dimension)
        allowed_N = None if allowed is None else allowed[self.ids]
        count = len(self) if allowed_N is None else int(np.count_nonzero(allowed_N))
        if count <= max(_NARROW_ROWS, _NARROW_SHARE * len(self)) or k > count // 2:
            return self._exact.search(unit_QD, k, allowed)
        scores_QK, ids_QK = self._search(unit_QD, k, allowed_N, count)
        short_Q = (ids_QK < 0).any(axis=1)
        if short_Q.any():
            scores_QK[short_Q], ids_QK[short_Q] = self._exact.search(unit_QD[short_Q], k, allowed)
        return scores_QK, ids_QK

    def _search(
        self, queries_QD: np.ndarray, k: int, allowed_N: np.ndarray | None, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Best first, equal scores by id, -1 where too few are found; k is less than `count` are allowed."""
        wanted = min(self._count_candidates(k), count)
        while True:
            scores_QC, rows_QC = self._find(queries_QD, wanted, allowed_N, count)
            if (scores_QC[:, 1 : k + 1] < scores_QC[:, :k]).all():
                return scores_QC[:, :k], self.ids[rows_QC[:, :k]]
            # Equal vectors are cut anywhere: ask for more where all candidates from the k-th on are equal.
            tied_Q = (scores_QC[:, k - 1] == scores_QC[:, -1]) & (rows_QC[:, -1] >= 0)
            if wanted == count or not tied_Q.any():
                break
            wanted = min(2 * wanted, count)
        # Best first they are already, but for those that tie: beyond the last tie there is nothing to order.
        ties = int((scores_QC >= scores_QC[:, k - 1 : k]).sum(axis=1).max(initial=k))
        scores_QT, rows_QT = scores_QC[:, :ties], rows_QC[:, :ties]
        ids_QT = np.where(rows_QT >= 0, self.ids[rows_QT], -1)
        order_QK = np.lexsort((ids_QT, -scores_QT))[:, :k]
        return np.take_along_axis(scores_QT, order_QK, 1), np.take_along_axis(ids_QT, order_QK, 1)

    def _count_candidates(self, k: int) -> int:
        """Of how many vectors to look at themselves for the k nearest."""
        k = max(k, _LEAST)
        first = min(k, _FIRST)
        return math.ceil(self.rescored * first + min(self.rescored, _FURTHER) * (k - first)) + _MORE

    def _find(
        self, queries_QD: np.ndarray, candidates: int, allowed_N: np.ndarray | None, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Exact scores (Q, C) and rows (Q, C), best first; -1 and -inf beyond the last."""
        bits = None if allowed_N is None else np.packbits(allowed_N, bitorder="little")
        selector = None if bits is None else import_faiss().IDSelectorBitmap(bits)
        parameters = self._parameters(selector, count / len(self))
        # A single query is over before a second thread has begun; the threads share queries, not vectors.
        with one_thread() if len(queries_QD) == 1 else nullcontext():
            scores_QC, rows_QC = self._index.search(queries_QD, candidates, params=parameters)
        scores_QC[rows_QC < 0] = -np.inf
        return scores_QC, rows_QC
