"""The exact vector index. Reads and writes FAISS's own bytes; touches no file."""

from functools import cached_property
from typing import Any

import numpy as np

from retrieval.channels.allowed_rows import search_allowed
from retrieval.channels.faiss_installation import import_faiss
from retrieval.errors import IndexFormatError, RetrievalError
from retrieval.text.unit_vectors import require_unit_vectors

# Fewer queries than FAISS's smallest threshold for matrix products, whose blocks round equal vectors'
# scores differently: below it each score is one dot product, so that equal vectors tie exactly.
_QUERIES_AT_ONCE = 16
_GPU_NEIGHBOURS = 2048


class FlatIndex:
    """Exact search: every vector is compared with every query, by FAISS, on the CPU or one GPU."""

    kind = "flat"

    def __init__(self, flat: Any, ids_N: np.ndarray, gpu: Any = None) -> None:
        self._flat = flat
        self._gpu = gpu
        self.ids = ids_N

    @classmethod
    def build(cls, vectors_ND: np.ndarray, ids_N: np.ndarray) -> "FlatIndex":
        """An index of unit vectors (N, D) with distinct ids (N,).

        Raises:
            RetrievalError: vectors that are not of unit length, or ids that do not fit them.
        """
        if vectors_ND.ndim != 2:
            raise RetrievalError(f"found vectors of shape {vectors_ND.shape}, expected (N, D)")
        dimension = vectors_ND.shape[1]
        unit_ND = require_unit_vectors(vectors_ND, dimension)
        flat = import_faiss().IndexFlatIP(dimension)
        flat.add(unit_ND)
        return cls(flat, _require_ids(ids_N, len(unit_ND)))

    @classmethod
    def from_bytes(cls, data: bytes) -> "FlatIndex":
        """The inverse of `to_bytes`. The bytes must come from a file whose hash was verified.

        Raises:
            IndexFormatError: not a flat inner-product index with ids.
        """
        faiss = import_faiss()
        try:
            view = np.frombuffer(data, dtype=np.uint8)
            mapped = faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(view), view.size))
            flat = faiss.downcast_index(mapped.index)
            if not isinstance(flat, faiss.IndexFlatIP):
                raise IndexFormatError(f"found a {type(flat).__name__}, expected an IndexFlatIP; index again")
            # The vectors stay where they are in `data`; FAISS's own name for such references.
            flat.referenced_objects = [mapped, view]
            return cls(flat, _require_ids(faiss.vector_to_array(mapped.id_map), flat.ntotal))
        except (RuntimeError, AttributeError) as error:
            raise IndexFormatError(f"found no FAISS index with ids: {error}; index again") from None

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        return int(self._flat.d)

    def __len__(self) -> int:
        return int(self._flat.ntotal)

    def to_bytes(self) -> bytes:
        """FAISS's own format: an IndexIDMap over an IndexFlatIP."""
        faiss = import_faiss()
        mapped = faiss.IndexIDMap(faiss.IndexFlatIP(self.dimension))
        if len(self):
            mapped.add_with_ids(self._flat.reconstruct_n(0, len(self)), self.ids)
        data: bytes = faiss.serialize_index(mapped).tobytes()
        return data

    def with_ids(self, ids_N: np.ndarray) -> "FlatIndex":
        """The same vectors under other ids, in the order of `ids`."""
        return FlatIndex(self._flat, _require_ids(ids_N, len(self)), self._gpu)

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
        return FlatIndex(self._flat, self.ids, gpu)

    def vectors(self, ids_N: np.ndarray) -> np.ndarray:
        """As `VectorIndex.vectors`."""
        vectors_ND = np.full((len(ids_N), self.dimension), np.nan, dtype=np.float32)
        if len(self):
            place_N = np.searchsorted(self.ids, ids_N, sorter=self._order).clip(max=len(self) - 1)
            there_N = self.ids[self._order[place_N]] == ids_N
            vectors_ND[there_N] = self._flat.reconstruct_batch(self._order[place_N[there_N]])
        return vectors_ND

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(self.ids)

    def search(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `VectorIndex.search`. On a GPU equal vectors' scores may differ in the last bit."""
        if k < 1:
            raise RetrievalError(f"found k = {k}, expected at least 1 neighbour; ask for more")
        unit_QD = require_unit_vectors(queries_QD, self.dimension)
        scores_QK = np.full((len(unit_QD), k), -np.inf, dtype=np.float32)
        ids_QK = np.full((len(unit_QD), k), -1, dtype=np.int64)
        allowed_N = None if allowed is None else allowed[self.ids]
        found = min(k, len(self) if allowed_N is None else int(np.count_nonzero(allowed_N)))
        on_gpu = self._gpu is not None and found < _GPU_NEIGHBOURS and allowed_N is None
        step = _GPU_NEIGHBOURS if on_gpu else _QUERIES_AT_ONCE
        for start in range(0, len(unit_QD) if found else 0, step):
            batch = slice(start, start + step)
            best = self._search_batch(unit_QD[batch], found, allowed_N)
            scores_QK[batch, :found], ids_QK[batch, :found] = best
        return scores_QK, ids_QK

    def _search_batch(
        self, queries_QD: np.ndarray, k: int, allowed_N: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        # FAISS cuts equal scores anywhere: ask for more until the k-th score is not that of the last one.
        count = len(self) if allowed_N is None else int(np.count_nonzero(allowed_N))
        wanted = min(k + 1, count)
        while True:
            scores_QW, rows_QW = self._search_rows(queries_QD, wanted, allowed_N)
            if wanted == count or (scores_QW[:, k - 1] > scores_QW[:, -1]).all():
                break
            wanted = min(2 * wanted, count)
        ids_QW = self.ids[rows_QW]
        order_QK = np.lexsort((ids_QW, -scores_QW))[:, :k]
        return np.take_along_axis(scores_QW, order_QK, 1), np.take_along_axis(ids_QW, order_QK, 1)

    def _search_rows(
        self, queries_QD: np.ndarray, k: int, allowed_N: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        if allowed_N is not None:
            return search_allowed(self._flat, queries_QD, k, allowed_N)
        on_gpu = self._gpu is not None and k <= _GPU_NEIGHBOURS
        found: tuple[np.ndarray, np.ndarray] = (self._gpu if on_gpu else self._flat).search(queries_QD, k)
        return found


def _require_ids(ids_N: np.ndarray, count: int) -> np.ndarray:
    ids_N = np.array(ids_N, dtype=np.int64)
    if ids_N.shape != (count,) or (np.diff(np.sort(ids_N), prepend=-1) <= 0).any():
        raise RetrievalError(f"found ids of shape {ids_N.shape}, expected {count} distinct ids from 0 up")
    return ids_N
