"""Nearest neighbours by inner product. Reads and writes INDEX/vectors/<sha256>.faiss.

A query's neighbours come best first; equal scores in order of id, so that the same index and query give the
same answer everywhere.
"""

import logging
from pathlib import Path
from typing import Protocol

import numpy as np

from retrieval.channels.flat_index import FlatIndex
from retrieval.device import Device
from retrieval.errors import IndexFormatError
from retrieval.store.files import hash_bytes, make_folder, read_verified, write_file
from retrieval.store.manifest import VectorsRecord

__all__ = ["FlatIndex", "VectorIndex", "read_vectors", "vectors_path", "write_vectors"]

logger = logging.getLogger(__name__)


class VectorIndex(Protocol):
    """Unit vectors with ids. Implementations: `FlatIndex`, and `MilvusVectors`."""

    @property
    def kind(self) -> str:
        """What the manifest calls this kind of index."""
        ...

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        ...

    @property
    def ids(self) -> np.ndarray:
        """int64 (N,): the ids, in the order in which the vectors are stored."""
        ...

    def __len__(self) -> int: ...

    def vectors(self, ids_N: np.ndarray) -> np.ndarray:
        """float32 (N, D): the vectors with these ids, as they are stored; NaN where there is none."""
        ...

    def search(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(scores float32 (Q, k), ids int64 (Q, k)), best first, equal scores by id.

        `allowed`, bool by id, says which vectors may be found (see `allowed_rows`). Where there are fewer
        than k, the rest has id -1 and score -inf.

        Raises:
            RetrievalError: k < 1, or queries that are not unit vectors of this dimension.
        """
        ...

    def with_ids(self, ids_N: np.ndarray) -> "VectorIndex":
        """The same vectors under other ids, in the order of `ids`."""
        ...


class StoredVectorIndex(VectorIndex, Protocol):
    """One that lies in a file of the index. Implementations: `FlatIndex`."""

    def to_bytes(self) -> bytes:
        """What `read_vectors` reads back."""
        ...


def write_vectors(index: Path, channel: str, vector_index: StoredVectorIndex) -> VectorsRecord:
    """Write a channel's vectors durably. The same vectors and ids give the same bytes."""
    data = vector_index.to_bytes()
    record = VectorsRecord(
        channel=channel,
        sha256=hash_bytes(data),
        bytes=len(data),
        kind=vector_index.kind,
        vectors=len(vector_index),
        dimension=vector_index.dimension,
    )
    path = vectors_path(index, record)
    make_folder(path.parent)
    write_file(path, data)
    return record


def read_vectors(index: Path, record: VectorsRecord, device: str = "auto") -> VectorIndex:
    """A channel's vectors; their hash is verified before FAISS sees them.

    `device` is "auto" (a GPU where FAISS has one), "cpu" or "cuda" (as "auto", with a notice on the log where
    the CPU has to do).

    Raises:
        IndexFormatError: the file is missing, damaged, of an unknown kind or not what the manifest says.
    """
    path = vectors_path(index, record)
    if record.kind != FlatIndex.kind:
        raise IndexFormatError(
            f"found vectors of kind {record.kind!r}, expected {FlatIndex.kind!r}; update this program"
        )
    flat = FlatIndex.from_bytes(read_verified(path, record.sha256))
    if (len(flat), flat.dimension) != (record.vectors, record.dimension):
        raise IndexFormatError(
            f"{path} holds {len(flat)} vectors of dimension {flat.dimension}, expected {record.vectors} "
            f"of {record.dimension} as the manifest says; index again"
        )
    return _place(flat, Device.parse(device))


def vectors_path(index: Path, record: VectorsRecord) -> Path:
    """Where these vectors lie."""
    return index / "vectors" / f"{record.sha256}.faiss"


def _place(flat: FlatIndex, device: Device) -> FlatIndex:
    if device is Device.CPU:
        return flat
    try:
        return flat.on_gpu()
    except RuntimeError as error:
        if device is Device.CUDA:
            reason = str(error).splitlines()[0]
            logger.warning("the vectors are searched on the CPU, not on a GPU as asked: %s", reason)
        return flat
