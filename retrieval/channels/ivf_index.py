"""Inverted files: vectors in lists around centroids, of which a search looks into the nearest.

Reads and writes FAISS's own bytes; touches no file.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import numpy as np

from retrieval.channels.approximate_index import ApproximateIndex
from retrieval.channels.faiss_installation import import_faiss, one_thread

# FAISS warns below so many training points per list.
_POINTS_PER_LIST = 39

_ROUNDS = 10
_SEED = 1234

# The cores share the lists of a single query where these hold so many vectors and few of them are candidates:
# ten neighbours of a million take 0.30 ms then instead of 0.37, of 100,000 as long as before. A thousand
# neighbours would take longer, 1.3 ms instead of 1.1, for threads put together what they found. Which of
# those that tie as the last candidates are kept is chance then: of 2,400 searches for ten none found another.
_WORTH_SHARING = 50_000
_FEW_CANDIDATES = 250
_FAISS_SHARES_QUERIES, _FAISS_SHARES_LISTS = 0, 15


class IvfIndex(ApproximateIndex):
    """Lists of quantised vectors, and these themselves. Implementations: `IvfSq8Index`, `IvfPqIndex`."""

    least_rescored: ClassVar[float] = 2.0
    most_rescored: ClassVar[float] = 64.0
    more: ClassVar[int] = 40
    lists: ClassVar[int]
    """How many there are, in roots of the number of vectors."""

    @classmethod
    def _train(cls, unit_ND: np.ndarray) -> Any:
        # As far as there are enough vectors to train on.
        wanted = min(round(cls.lists * math.sqrt(len(unit_ND))), len(unit_ND) // _POINTS_PER_LIST)
        lists = cls._make_lists(unit_ND.shape[1], max(1, wanted))
        lists.cp.seed, lists.cp.niter = _SEED, _ROUNDS
        lists.cp.min_points_per_centroid, lists.cp.max_points_per_centroid = 1, _POINTS_PER_LIST
        # FAISS's threads wait for each other at every step of it, for long where something else runs beside
        # them; and on one thread the bytes do not depend on their number.
        with one_thread():
            lists.train(_enough(unit_ND))
        return lists

    @staticmethod
    @abstractmethod
    def _make_lists(dimension: int, lists: int) -> Any:
        """FAISS's IVF, untrained."""

    @property
    def settings(self) -> Mapping[str, int]:
        """How many lists there are, and how many a search looks into (see `effort`)."""
        return {"nlist": self.most_effort, "nprobe": self.effort}

    @property
    def effort(self) -> int:
        """nprobe, the lists that a search looks into."""
        return int(self._quantised.nprobe)

    @property
    def most_effort(self) -> int:
        """nlist, the number of lists."""
        return int(self._quantised.nlist)

    def set_effort(self, effort: int) -> None:
        """As `ApproximateIndex.set_effort`."""
        self._quantised.nprobe = effort

    def _parameters(self, candidates: int, selector: Any, share: float) -> Any:
        if selector is None:
            return None
        # Of a list that a filter thins out fewer are found: as many more are looked into.
        probes = min(self.most_effort, math.ceil(self.effort / share**0.5))
        return import_faiss().SearchParametersIVF(nprobe=probes, sel=selector)


class IvfSq8Index(IvfIndex):
    """Scalar quantisation: each number of a vector in 8 bits, D bytes a vector."""

    kind = "ivf_sq8"
    lists = 2

    @staticmethod
    def _make_lists(dimension: int, lists: int) -> Any:
        faiss = import_faiss()
        quantiser = faiss.ScalarQuantizer.QT_8bit
        centroids = faiss.IndexFlatIP(dimension)
        made = faiss.IndexIVFScalarQuantizer(
            centroids, dimension, lists, quantiser, faiss.METRIC_INNER_PRODUCT, False
        )
        return made


class IvfPqIndex(IvfIndex):
    """Product quantisation: 4 bits for every 4 numbers of a vector, one of 16 quadruples, D/8 bytes a vector.

    By Jégou, Douze and Schmid (2011), scored in registers (André, Kermarrec and Le Scouarnec 2015). Fours are
    half the bytes of pairs; what they confuse, the vectors decide.
    """

    kind = "ivf_pq"
    lists = 1  # Beside vectors of so few bytes, to begin with a list is what takes time.

    @staticmethod
    def _make_lists(dimension: int, lists: int) -> Any:
        faiss = import_faiss()
        parts = next(dimension // numbers for numbers in (4, 2, 1) if dimension % numbers == 0)
        centroids = faiss.IndexFlatIP(dimension)
        made = faiss.IndexIVFPQFastScan(centroids, dimension, lists, parts, 4, faiss.METRIC_INNER_PRODUCT)
        made.pq.cp.seed, made.pq.cp.niter = _SEED, _ROUNDS
        made.pq.cp.min_points_per_centroid, made.pq.cp.max_points_per_centroid = 1, 1024
        return made

    def _share_cores(self, queries: int, candidates: int) -> AbstractContextManager[None]:
        """As `ApproximateIndex._share_cores`; of one query they may share the lists."""
        looked_at = self.effort * len(self) / self.most_effort
        shares_lists = queries == 1 and candidates <= _FEW_CANDIDATES and looked_at >= _WORTH_SHARING
        # Of the index, not of a search: one in another thread may see it, and keep others of those that tie.
        self._quantised.implem = _FAISS_SHARES_LISTS if shares_lists else _FAISS_SHARES_QUERIES
        return nullcontext() if shares_lists else super()._share_cores(queries, candidates)


def _enough(vectors_ND: np.ndarray) -> np.ndarray:
    """The vectors, repeated where there are fewer than FAISS's smallest code has values."""
    if not len(vectors_ND):
        return np.full((_POINTS_PER_LIST, vectors_ND.shape[1]), 1, dtype=np.float32)
    if len(vectors_ND) >= _POINTS_PER_LIST:
        return vectors_ND
    return np.tile(vectors_ND, (-(-_POINTS_PER_LIST // len(vectors_ND)), 1))
