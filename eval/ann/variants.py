"""FAISS's plain index types and their settings. Vectors in, a searchable index out.

The kinds that an index of photos can have are measured by `eval/growth` and `eval/bench`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrieval.channels.faiss_installation import import_faiss
from retrieval.channels.ivf_index import POINTS_PER_LIST

HNSW_M = 32
_EF_CONSTRUCTION = 80
_EF_SEARCH = (16, 32, 64, 128, 256)
_NPROBE = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """An index and one setting of it; `set_up` puts the setting into force."""

    type: str
    parameters: dict[str, int]
    index: Any

    def set_up(self) -> None:
        """Choose this setting; variants of one type share an index."""
        if "efSearch" in self.parameters:
            self.index.hnsw.efSearch = self.parameters["efSearch"]
        if "nprobe" in self.parameters:
            self.index.nprobe = self.parameters["nprobe"]


def choose_nlist(vectors: int) -> int:
    """FAISS's rule of thumb, 4 x √N, as far as there are enough vectors to train on."""
    wanted = round(4 * math.sqrt(vectors))
    return max(1, min(wanted, vectors // POINTS_PER_LIST))


def build_variants(vectors_ND: np.ndarray) -> Iterator[Variant]:
    """Flat, HNSW and IVF over the same vectors, with every setting worth trying; one in memory at a time."""
    yield from _vary_flat(vectors_ND)
    yield from _vary_hnsw(vectors_ND)
    yield from _vary_ivf(vectors_ND)


def _vary_flat(vectors_ND: np.ndarray) -> Iterator[Variant]:
    flat = import_faiss().IndexFlatIP(vectors_ND.shape[1])
    flat.add(vectors_ND)
    yield Variant("Flat", {}, flat)


def _vary_hnsw(vectors_ND: np.ndarray) -> Iterator[Variant]:
    faiss = import_faiss()
    graph = faiss.IndexHNSWFlat(vectors_ND.shape[1], HNSW_M, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = _EF_CONSTRUCTION
    graph.add(vectors_ND)
    yield from (Variant("HNSW", {"M": HNSW_M, "efSearch": ef}, graph) for ef in _EF_SEARCH)


def _vary_ivf(vectors_ND: np.ndarray) -> Iterator[Variant]:
    faiss = import_faiss()
    count, dimension = vectors_ND.shape
    nlist = choose_nlist(count)
    lists = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, nlist, faiss.METRIC_INNER_PRODUCT)
    lists.train(vectors_ND)
    lists.add(vectors_ND)
    probes = [nprobe for nprobe in _NPROBE if nprobe < nlist] + [nlist]
    yield from (Variant("IVF", {"nlist": nlist, "nprobe": nprobe}, lists) for nprobe in probes)
