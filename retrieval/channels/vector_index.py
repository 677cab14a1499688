"""Nearest neighbours by inner product. Reads and writes INDEX/vectors/<sha256>.faiss.

A query's neighbours come best first; equal scores in order of id, so that the same index and query give the
same answer everywhere.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from retrieval.channels.approximate_index import ApproximateIndex
from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.hnsw_index import HnswIndex
from retrieval.channels.ivf_index import IvfPqIndex, IvfSq8Index
from retrieval.device import Device, note_cpu
from retrieval.errors import IndexFormatError, first_line
from retrieval.store.files import map_verified, write_hashed
from retrieval.store.manifest import VectorsRecord


class VectorIndex(Protocol):
    """Unit vectors with ids. Implementations: those in `KINDS`, `LayeredVectors`, and `MilvusVectors`."""

    def vectors(self, ids_N: np.ndarray) -> np.ndarray:
        """float32 (N, D): the vectors with these ids, as they are stored; NaN where there is none."""
        ...

    def search(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(scores float32 (Q, k), ids int64 (Q, k)), best first, equal scores by id.

        `allowed`, bool by id, says which vectors may be found. Where there are fewer than k, the rest has
        id -1 and score -inf; where there are k, k come back.

        Raises:
            RetrievalError: k < 1, or queries that are not unit vectors of this dimension.
        """
        ...


class StoredVectorIndex(VectorIndex, Protocol):
    """One that lies in a file of the index. Implementations: those in `KINDS`."""

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        ...

    @property
    def ids(self) -> np.ndarray:
        """int64 (N,): the ids, in the order in which the vectors are stored."""
        ...

    def __len__(self) -> int: ...

    @property
    def kind(self) -> str:
        """What the manifest calls this kind of index."""
        ...

    @property
    def settings(self) -> Mapping[str, int]:
        """What decides its speed and what it finds, by FAISS's names; nothing where search is exact."""
        ...

    def with_ids(self, ids_N: np.ndarray) -> "StoredVectorIndex":
        """The same vectors under other ids, in the order of `ids`."""
        ...

    def write(self, write: Callable[[bytes], object]) -> None:
        """Hand over what `read_vectors` reads back, part by part, in FAISS's own format."""
        ...


KINDS: Mapping[str, type[FlatIndex] | type[ApproximateIndex]] = {
    each.kind: each for each in (FlatIndex, IvfSq8Index, IvfPqIndex, HnswIndex)
}
"""The kinds of vector index, by what the manifest calls them."""


def write_vectors(
    index: Path, channel: str, vector_index: StoredVectorIndex, ann_recall: float = 1.0
) -> VectorsRecord:
    """Write a channel's vectors durably. The same vectors and ids give the same bytes.

    `ann_recall` is what the index was found to find, 0 to 1.
    """
    sha256, size = write_hashed(index / "vectors", ".faiss", vector_index.write)
    return VectorsRecord(
        channel=channel,
        sha256=sha256,
        bytes=size,
        kind=vector_index.kind,
        vectors=len(vector_index),
        dimension=vector_index.dimension,
        settings=dict(vector_index.settings),
        ann_recall=ann_recall,
    )


def read_vectors(index: Path, record: VectorsRecord, device: str = "auto") -> StoredVectorIndex:
    """A channel's vectors, mapped into memory; their hash is verified before FAISS sees them.

    `device` is "auto" (a GPU where FAISS has one, for flat ones), "cpu" or "cuda" (as "auto", with a notice
    on the log, once in a process, where the CPU has to do).

    Raises:
        IndexFormatError: the file is missing, damaged, of an unknown kind or not what the manifest says.
    """
    path = vectors_path(index, record)
    if record.kind not in KINDS:
        raise IndexFormatError(
            f"found vectors of kind {record.kind!r}, expected one of {', '.join(KINDS)}; update this program"
        )
    found = KINDS[record.kind].from_bytes(map_verified(path, record.sha256))
    if (len(found), found.dimension) != (record.vectors, record.dimension):
        raise IndexFormatError(
            f"{path} holds {len(found)} vectors of dimension {found.dimension}, expected {record.vectors} "
            f"of {record.dimension} as the manifest says; index again"
        )
    return _place(found, Device.parse(device))


def vectors_path(index: Path, record: VectorsRecord) -> Path:
    """Where these vectors lie."""
    return index / "vectors" / f"{record.sha256}.faiss"


def _place(found: FlatIndex | ApproximateIndex, device: Device) -> FlatIndex | ApproximateIndex:
    if device is Device.CPU:
        return found
    try:
        if isinstance(found, FlatIndex):
            return found.on_gpu()
        reason = f"vectors of kind {found.kind} are searched nowhere else"
    except RuntimeError as error:
        reason = first_line(error)
    if device is Device.CUDA:
        note_cpu("the vectors are searched", reason)
    return found
