"""The exact vector index. Reads and writes FAISS's own bytes; touches no file."""

from collections.abc import Callable, Mapping
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from retrieval.channels.best_scores import make_answer
from retrieval.channels.exact_search import search_exactly
from retrieval.channels.faiss_file import pack_index, require_ids, unpack_index
from retrieval.channels.faiss_installation import import_faiss
from retrieval.text.unit_vectors import require_unit_vectors

_GPU_NEIGHBOURS = 2048

# Who asks more than so many queries has the vectors copied to where they are read fastest: that takes as long
# as a few dozen of them. Less than so many bytes stay in the processor's memory wherever they lie; with more,
# memory may be short.
_OFTEN = 32
_LEAST_COPIED, _MOST_COPIED = 2**20, 128 * 2**20

# Bytes that a processor reads at once.
_LINE = 64


class OnGpu:
    """A FAISS index on a GPU, asked by one thread at a time: FAISS allows no more, and a service has many."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self._lock = Lock()

    def search(self, queries_QD: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """(scores float32 (Q, k), rows int64 (Q, k)), best first."""
        with self._lock:
            scores_QK, rows_QK = self._index.search(queries_QD, k)
        return scores_QK, rows_QK


class FlatIndex:
    """Exact search: every vector is compared with every query, on the CPU or by FAISS on one GPU."""

    kind = "flat"
    settings: Mapping[str, int] = {}

    def __init__(self, flat: Any, ids_N: np.ndarray, gpu: OnGpu | None = None) -> None:
        """`flat` is a FAISS IndexFlat by inner product."""
        self._flat = flat
        self._gpu = gpu
        self.ids = ids_N
        self._vectors_ND = _view_vectors(flat)
        self._asked = 0
        self._copying = Lock()

    @classmethod
    def build(cls, vectors_ND: np.ndarray, ids_N: np.ndarray) -> "FlatIndex":
        """An index of unit vectors (N, D) with distinct ids (N,); the vectors are kept, see `lend_vectors`.

        Raises:
            RetrievalError: vectors that are not of unit length, or ids that do not fit them.
        """
        unit_ND = require_unit_vectors(vectors_ND, vectors_ND.shape[-1])
        flat = import_faiss().IndexFlatIP(unit_ND.shape[1])
        lend_vectors(unit_ND, flat)
        return cls(flat, require_ids(ids_N, len(unit_ND)))

    @classmethod
    def from_bytes(cls, data: Any) -> "FlatIndex":
        """The inverse of `write`. The bytes must come from a file whose hash was verified.

        Raises:
            IndexFormatError: not a flat inner-product index with ids.
        """
        return cls(*unpack_index(data, "IndexFlatIP"))

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        return int(self._vectors_ND.shape[1])

    def __len__(self) -> int:
        return len(self._vectors_ND)

    def write(self, write: Callable[[bytes], object]) -> None:
        """As `StoredVectorIndex.write`: an IndexIDMap over an IndexFlatIP."""
        pack_index(self._flat, self.ids, write)

    @property
    def all_vectors(self) -> np.ndarray:
        """float32 (N, D): the vectors, in the order of `ids`. They live as long as the index."""
        return self._vectors_ND

    def with_ids(self, ids_N: np.ndarray) -> "FlatIndex":
        """The same vectors under other ids, in the order of `ids`."""
        return FlatIndex(self._flat, require_ids(ids_N, len(self)), self._gpu)

    def on_gpu(self) -> "FlatIndex":
        """The same index held on the first GPU.

        Raises:
            RuntimeError: this FAISS has no GPU support, or there is no GPU, or not enough memory on it.
        """
        faiss = import_faiss()
        if not hasattr(faiss, "StandardGpuResources"):
            raise RuntimeError("this FAISS is a CPU build")
        if faiss.get_num_gpus() < 1:
            raise RuntimeError("FAISS sees no GPU")
        resources = faiss.StandardGpuResources()
        gpu = faiss.index_cpu_to_gpu(resources, 0, self._flat)
        return FlatIndex(self._flat, self.ids, OnGpu(gpu))

    def vectors(self, ids_N: np.ndarray) -> np.ndarray:
        """As `VectorIndex.vectors`."""
        row_N = self._row_of[np.minimum(ids_N, len(self._row_of) - 1)]
        vectors_ND = np.full((len(ids_N), self.dimension), np.nan, dtype=np.float32)
        vectors_ND[row_N >= 0] = self._vectors_ND[row_N[row_N >= 0]]
        return vectors_ND

    @cached_property
    def _row_of(self) -> np.ndarray:
        """int64: the row of each id, -1 for those that there are not, the last one among them."""
        row_of = np.full(int(self.ids.max(initial=-1)) + 2, -1)
        row_of[self.ids] = np.arange(len(self))
        return row_of

    def search(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `VectorIndex.search`. On a GPU equal vectors' scores may differ in the last bit."""
        unit_QD = require_unit_vectors(queries_QD, self.dimension)
        scores_QK, ids_QK = make_answer(len(unit_QD), k)
        allowed_N = None if allowed is None else allowed[self.ids]
        found = min(k, len(self) if allowed_N is None else int(np.count_nonzero(allowed_N)))
        if found and len(unit_QD):
            best = self._search(unit_QD, found, allowed_N)
            scores_QK[:, :found], ids_QK[:, :found] = best
        return scores_QK, ids_QK

    def _search(
        self, queries_QD: np.ndarray, k: int, allowed_N: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        if self._gpu is None or k >= _GPU_NEIGHBOURS or allowed_N is not None:
            self._note_queries(len(queries_QD))
            return search_exactly(self._vectors_ND, self.ids, queries_QD, k, allowed_N)
        batches = [
            self._search_gpu(self._gpu, queries_QD[start : start + _GPU_NEIGHBOURS], k)
            for start in range(0, len(queries_QD), _GPU_NEIGHBOURS)
        ]
        return np.concatenate([each[0] for each in batches]), np.concatenate([each[1] for each in batches])

    def _note_queries(self, count: int) -> None:
        """Copy the vectors once so many queries have been asked that it pays."""
        with self._copying:
            before, self._asked = self._asked, self._asked + count
            often = before <= _OFTEN < self._asked
            if often and _LEAST_COPIED <= self._vectors_ND.nbytes <= _MOST_COPIED:
                self._vectors_ND = _copy_aligned(self._vectors_ND)

    def _search_gpu(self, gpu: OnGpu, queries_QD: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        # FAISS cuts equal scores anywhere: ask for more until the k-th score is not that of the last one.
        wanted = min(k + 1, len(self))
        while wanted <= _GPU_NEIGHBOURS:
            scores_QW, rows_QW = gpu.search(queries_QD, wanted)
            if wanted == len(self) or (scores_QW[:, k - 1] > scores_QW[:, -1]).all():
                ids_QW = self.ids[rows_QW]
                order_QK = np.lexsort((ids_QW, -scores_QW))[:, :k]
                return np.take_along_axis(scores_QW, order_QK, 1), np.take_along_axis(ids_QW, order_QK, 1)
            wanted = min(2 * wanted, len(self))
        return search_exactly(self._vectors_ND, self.ids, queries_QD, k)


def lend_vectors(unit_ND: np.ndarray, flat: Any) -> None:
    """Have an empty FAISS IndexFlat hold the vectors where they lie, as it does those of a mapped file.

    There is no copy: the array can no longer be written to.
    """
    faiss = import_faiss()
    unit_ND.flags.writeable = False
    start = faiss.swig_ptr(unit_ND.view(np.uint8))
    # FAISS's owner stays nobody: `referenced_objects` is its own name for what must live as long as an index.
    flat.codes = faiss.MaybeOwnedVectorUInt8.create_view(start, unit_ND.nbytes, flat.codes.owner)
    flat.ntotal = len(unit_ND)
    flat.referenced_objects = [*getattr(flat, "referenced_objects", ()), unit_ND]


def _view_vectors(flat: Any) -> np.ndarray:
    """The vectors (N, D) where FAISS holds them, at any address; they live as long as `flat`."""
    if not flat.ntotal:
        return np.zeros((0, flat.d), dtype=np.float32)
    values = import_faiss().rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)
    return np.asarray(values).reshape(flat.ntotal, flat.d)


def _copy_aligned(vectors_ND: np.ndarray) -> np.ndarray:
    """The same vectors, from the beginning of a line on, in memory that numpy asks for in large pages.

    In FAISS's file they lie two bytes beside a multiple of four: most loads would take two lines.
    """
    space = np.empty(vectors_ND.nbytes + _LINE, dtype=np.uint8)
    start = -space.ctypes.data % _LINE
    copy_ND = space[start : start + vectors_ND.nbytes].view(np.float32).reshape(vectors_ND.shape)
    copy_ND[:] = vectors_ND
    return copy_ND
