"""What approximate vector indexes share: candidates from FAISS, scored again exactly. Touches no file.

Shapes: Q queries, N vectors, D dimensions, K neighbours, C candidates.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Self

import numpy as np

from retrieval.channels.best_scores import require_some
from retrieval.channels.faiss_file import pack_index, require_ids, unpack_index
from retrieval.channels.faiss_installation import import_faiss, one_thread
from retrieval.channels.flat_index import FlatIndex, lend_vectors
from retrieval.text.unit_vectors import require_unit_vectors

NARROW_ROWS = 2000
"""Up to so many vectors, every one that is allowed is compared: that is as fast."""

# So is it with this share of all.
_NARROW_SHARE = 0.1

_FAISS_CLASS = "IndexRefineFlat"

# There are the candidates of so many neighbours at least.
_LEAST = 10

# Beyond so many neighbours quantising confuses fewer: each takes so many candidates at most. Of a thousand
# neighbours among 100,000 photos, 92.6 % are found instead of 93.9 % with 4 where the first take 8 each, and
# 93.9 % instead of 94.6 % where they take 4; a search of all channels takes 2.5 ms less.
_FIRST = 20
_FURTHER = 2


class ApproximateIndex(ABC):
    """An index that looks at some of the vectors. `effort` says how many: the more, the more are found.

    They are compared in a quantised form, and the best of them by themselves. A narrow filter, and an index
    of few vectors, is searched exactly; so is a query that finds fewer than k.
    """

    kind: ClassVar[str]
    least_rescored: ClassVar[float]
    """`rescored`, to begin with."""
    most_rescored: ClassVar[float]
    """`rescored`, at most."""
    more: ClassVar[int]
    """Candidates beyond those of each neighbour."""
    knows_its_own: ClassVar[bool] = False
    """Whether recall is higher for queries that are vectors of the index than for others like them.

    `tune_effort` then asks mixtures of them.
    """

    def __init__(self, index: Any, exact: FlatIndex) -> None:
        """`index` is a FAISS IndexRefineFlat, `exact` has the same vectors in the same order; see `build`."""
        faiss = import_faiss()
        self._index = index
        self._exact = exact
        self._quantised = faiss.downcast_index(index.base_index)
        self._unfiltered = faiss.IndexRefineSearchParameters(k_factor=1)

    @classmethod
    def build(cls, vectors_ND: np.ndarray, ids_N: np.ndarray) -> Self:
        """An index of unit vectors (N, D) with distinct ids (N,); the same ones give the same bytes.

        The vectors are kept, as by `FlatIndex.build`.

        Raises:
            RetrievalError: vectors that are not of unit length, or ids that do not fit them.
        """
        faiss = import_faiss()
        unit_ND = require_unit_vectors(vectors_ND, vectors_ND.shape[-1])
        ids_N = require_ids(ids_N, len(unit_ND))
        quantised = cls._train(unit_ND)
        index = faiss.IndexRefineFlat(quantised)
        index.k_factor = cls.least_rescored
        # FAISS's own `add` would copy the vectors as well.
        vectors = _find_vectors(index)
        lend_vectors(unit_ND, vectors)
        cls._add(unit_ND, quantised)
        index.ntotal = len(unit_ND)
        return cls(index, FlatIndex(vectors, ids_N))

    @classmethod
    @abstractmethod
    def _train(cls, unit_ND: np.ndarray) -> Any:
        """FAISS's index for these vectors in a quantised form, by inner product; it is empty."""

    @classmethod
    def _add(cls, unit_ND: np.ndarray, quantised: Any) -> None:
        """Put the vectors into it, in their order."""
        quantised.add(unit_ND)

    @classmethod
    def from_bytes(cls, data: Any) -> Self:
        """The inverse of `write`. The bytes must come from a file whose hash was verified.

        Raises:
            IndexFormatError: not an index of this kind.
        """
        index, ids_N = unpack_index(data, _FAISS_CLASS)
        return cls(index, FlatIndex(_find_vectors(index), ids_N))

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, int]:
        """As `StoredVectorIndex.settings`."""

    @property
    @abstractmethod
    def effort(self) -> int:
        """How many lists or vectors a search looks into, from 1 up to `most_effort`."""

    @property
    @abstractmethod
    def most_effort(self) -> int:
        """More does not pay; an exact search costs less."""

    @abstractmethod
    def set_effort(self, effort: int) -> None:
        """Look into so many from now on."""

    @property
    def rescored(self) -> float:
        """FAISS's k_factor: of how many candidates for each neighbour to look at the vectors themselves."""
        return float(self._index.k_factor)

    def rescore_more(self) -> None:
        """Look at twice as many from now on, up to `most_rescored`."""
        self._index.k_factor = min(2 * self.rescored, self.most_rescored)

    @abstractmethod
    def _parameters(self, candidates: int, selector: Any, share: float) -> Any:
        """FAISS's, of a search for so many among this share of all, which a selector lets through.

        None where the index's own are the right ones; without a filter there is no selector.
        """

    def _share_cores(self, queries: int, candidates: int) -> AbstractContextManager[None]:
        """What a search for so many `candidates` of each query runs in: FAISS's threads share the queries."""
        # A single one is over before a second thread has begun.
        return one_thread() if queries == 1 else nullcontext()

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        return self._exact.dimension

    @property
    def ids(self) -> np.ndarray:
        """As `StoredVectorIndex.ids`."""
        return self._exact.ids

    def __len__(self) -> int:
        return len(self._exact)

    def vectors(self, ids_N: np.ndarray) -> np.ndarray:
        """As `VectorIndex.vectors`."""
        return self._exact.vectors(ids_N)

    def with_ids(self, ids_N: np.ndarray) -> Self:
        """As `StoredVectorIndex.with_ids`."""
        return type(self)(self._index, self._exact.with_ids(ids_N))

    def write(self, write: Callable[[bytes], object]) -> None:
        """As `StoredVectorIndex.write`: an IndexIDMap."""
        pack_index(self._index, self.ids, write)

    @property
    def all_vectors(self) -> np.ndarray:
        """float32 (N, D): the vectors, in the order of `ids`. They live as long as the index."""
        return self._exact.all_vectors

    def search(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `VectorIndex.search`; what is found is as near as it says, and some that is nearer is missed."""
        require_some(k)
        unit_QD = require_unit_vectors(queries_QD, self.dimension)
        allowed_N = None if allowed is None else allowed[self.ids]
        count = len(self) if allowed_N is None else int(np.count_nonzero(allowed_N))
        if count <= max(NARROW_ROWS, _NARROW_SHARE * len(self)) or k > count // 2:
            return self._exact.search(unit_QD, k, allowed)
        scores_QK, ids_QK = self._search(unit_QD, k, allowed_N, count, self._count_candidates(k))
        short_Q = (ids_QK < 0).any(axis=1)
        if short_Q.any():
            scores_QK[short_Q], ids_QK[short_Q] = self._exact.search(unit_QD[short_Q], k, allowed)
        return scores_QK, ids_QK

    def _search(
        self, queries_QD: np.ndarray, k: int, allowed_N: np.ndarray | None, count: int, wanted: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Best first, equal scores by id, -1 where too few are found; k is less than `count` are allowed.

        So many candidates are `wanted`, and more for a query of which the last ones tie with the k-th.
        """
        scores_QC, rows_QC = self._find(queries_QD, min(wanted, count), allowed_N, count)
        if (scores_QC[:, 1 : k + 1] < scores_QC[:, :k]).all():
            return scores_QC[:, :k], self.ids[rows_QC[:, :k]]
        # Best first they are already, but for those that tie: beyond the last tie there is nothing to order.
        ties = int((scores_QC >= scores_QC[:, k - 1 : k]).sum(axis=1).max(initial=k))
        scores_QT, rows_QT = scores_QC[:, :ties], rows_QC[:, :ties]
        ids_QT = np.where(rows_QT >= 0, self.ids[rows_QT], -1)
        order_QK = np.lexsort((ids_QT, -scores_QT))[:, :k]
        scores_QK, ids_QK = (np.take_along_axis(each, order_QK, 1) for each in (scores_QT, ids_QT))
        # Equal vectors are cut anywhere: ask for more where all from the k-th on are equal. But not
        # for other queries: what they find is not to depend on what is asked beside them.
        tied_Q = (scores_QC[:, k - 1] == scores_QC[:, -1]) & (rows_QC[:, -1] >= 0)
        if wanted < count and tied_Q.any():
            more = self._search(queries_QD[tied_Q], k, allowed_N, count, 2 * wanted)
            scores_QK[tied_Q], ids_QK[tied_Q] = more
        return scores_QK, ids_QK

    def _count_candidates(self, k: int) -> int:
        """Of how many vectors to look at themselves for the k nearest."""
        k = max(k, _LEAST)
        first = min(k, _FIRST)
        return math.ceil(self.rescored * first + min(self.rescored, _FURTHER) * (k - first)) + self.more

    def _find(
        self, queries_QD: np.ndarray, candidates: int, allowed_N: np.ndarray | None, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Exact scores (Q, C) and rows (Q, C), best first; -1 and -inf beyond the last."""
        faiss, parameters = import_faiss(), self._unfiltered
        bits = None if allowed_N is None else np.packbits(allowed_N, bitorder="little")
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        inner = self._parameters(candidates, selector, count / len(self))
        if inner is not None:
            parameters = faiss.IndexRefineSearchParameters(k_factor=1, base_index_params=inner)
        with self._share_cores(len(queries_QD), candidates):
            scores_QC, rows_QC = self._index.search(queries_QD, candidates, params=parameters)
        scores_QC[rows_QC < 0] = -np.inf
        return scores_QC, rows_QC


def _find_vectors(index: Any) -> Any:
    """The FAISS IndexFlat that holds the vectors of an IndexRefineFlat."""
    flat = import_faiss().downcast_index(index.refine_index)
    flat.referenced_objects = [index]
    return flat
