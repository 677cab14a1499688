"""A FAISS index with ids as bytes, and back. Touches no file; who reads one checks its hash first."""

from collections.abc import Callable
from typing import Any

import numpy as np

from retrieval.channels.faiss_installation import import_faiss
from retrieval.errors import IndexFormatError, RetrievalError, first_line


def pack_index(index: Any, ids_N: np.ndarray, write: Callable[[bytes], object]) -> None:
    """Hand to `write`, part by part, an IndexIDMap over `index` in FAISS's own format.

    `index` holds as many vectors as there are ids.

    Raises:
        OSError: as `write`, once FAISS is done.
    """
    faiss = import_faiss()
    mapped = faiss.IndexIDMap(faiss.IndexFlatIP(index.d))
    # FAISS wants an empty index to begin with and would add copies of the vectors. Assigning to
    # `mapped.index` makes SWIG give up ownership of `index`, which then nobody would free; it is given back
    # to Python.
    owned = index.this.own()
    mapped.index, mapped.ntotal, mapped.metric_type = index, index.ntotal, index.metric_type
    index.this.own(owned)
    faiss.copy_array_to_vector(ids_N, mapped.id_map)
    errors: list[OSError] = []

    def put(data: bytes) -> None:
        try:
            if not errors:
                write(data)
        except OSError as error:  # FAISS would hide it.
            errors.append(error)

    # FAISS's own serialize_index takes three times the memory of the index.
    faiss.write_index(mapped, faiss.PyCallbackIOWriter(put))
    if errors:
        raise errors[0]


def unpack_index(data: Any, expected: str) -> tuple[Any, np.ndarray]:
    """The index and the ids that `pack_index` was given; the vectors stay where they are in `data`.

    `data` are bytes, or a file that is mapped into memory; `expected` is the name of FAISS's class.

    Raises:
        IndexFormatError: no FAISS index with ids, or of another class.
        RetrievalError: ids that do not fit the vectors.
    """
    faiss = import_faiss()
    try:
        view = np.frombuffer(data, dtype=np.uint8)
        mapped = faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(view), view.size))
        index = faiss.downcast_index(mapped.index)
        ids_N = faiss.vector_to_array(mapped.id_map)
    except (RuntimeError, AttributeError, ValueError) as error:
        reason = first_line(error)
        raise IndexFormatError(f"found no FAISS index with ids: {reason}; index again") from None
    if type(index).__name__ != expected:
        raise IndexFormatError(f"found a {type(index).__name__}, expected an {expected}; index again")
    # FAISS's own name for what must live as long as an index.
    index.referenced_objects = [mapped, view]
    return index, require_ids(ids_N, index.ntotal)


def require_ids(ids_N: np.ndarray, count: int) -> np.ndarray:
    """`ids_N` as int64 of its own.

    Raises:
        RetrievalError: not `count` distinct ids from 0 up.
    """
    ids_N = np.array(ids_N, dtype=np.int64)
    if ids_N.shape != (count,) or (np.diff(np.sort(ids_N), prepend=-1) <= 0).any():
        raise RetrievalError(f"found ids of shape {ids_N.shape}, expected {count} distinct ids from 0 up")
    return ids_N
