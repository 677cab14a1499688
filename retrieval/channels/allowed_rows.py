"""Nearest neighbours among the rows that a filter allows. Reads a FAISS index; writes nothing.

Shapes: Q queries, D dimensions, N rows of the index, K neighbours.
"""

from typing import Any

import numpy as np

from retrieval.channels.faiss_installation import import_faiss

# Up to so many allowed rows, or this share of all, every one of them is compared. An approximate index looks
# into a part of its lists only, where few allowed rows lie.
_NARROW_ROWS = 2000
_NARROW_SHARE = 0.05


def search_allowed(
    index: Any, queries_QD: np.ndarray, k: int, allowed_N: np.ndarray, parameters: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """(scores float32 (Q, K), rows int64 (Q, K)) of the best allowed rows; K is k or their number.

    `index` is a FAISS index by inner product from which rows can be reconstructed; `allowed_N` bool.
    `parameters` are FAISS's for a search in it. Where they find fewer than K rows for a query, that is
    searched exactly as well: no answer comes up short.
    """
    rows_A = np.flatnonzero(allowed_N)
    k = min(k, len(rows_A))
    if k == 0:
        return np.zeros((len(queries_QD), 0), np.float32), np.zeros((len(queries_QD), 0), np.int64)
    if len(rows_A) <= max(_NARROW_ROWS, _NARROW_SHARE * len(allowed_N)):
        return _search_exactly(index, queries_QD, k, rows_A)
    scores_QK, rows_QK = _search_index(index, queries_QD, k, allowed_N, parameters)
    short_Q = (rows_QK < 0).any(axis=1)
    if short_Q.any():
        scores_QK[short_Q], rows_QK[short_Q] = _search_exactly(index, queries_QD[short_Q], k, rows_A)
    return scores_QK, rows_QK


def _search_exactly(
    index: Any, queries_QD: np.ndarray, k: int, rows_A: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    flat = import_faiss().IndexFlatIP(index.d)
    flat.add(index.reconstruct_batch(rows_A))
    scores_QK, places_QK = flat.search(queries_QD, k)
    return scores_QK, rows_A[places_QK]


def _search_index(
    index: Any, queries_QD: np.ndarray, k: int, allowed_N: np.ndarray, parameters: Any
) -> tuple[np.ndarray, np.ndarray]:
    faiss = import_faiss()
    bits = np.packbits(allowed_N, bitorder="little")
    parameters = parameters or faiss.SearchParameters()
    parameters.sel = faiss.IDSelectorBitmap(bits)
    found: tuple[np.ndarray, np.ndarray] = index.search(queries_QD, k, params=parameters)
    return found
