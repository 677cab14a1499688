"""Exact nearest neighbours: every vector is compared. Reads vectors where they lie; writes nothing.

Shapes: Q queries, N vectors, D dimensions, K neighbours, B vectors that are compared by one call.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from retrieval.channels.best_scores import find_best, sort_best
from retrieval.channels.faiss_installation import import_faiss

# Vectors that are copied at once where few of them are allowed.
_COPIED = 8192

# So many bytes of vectors take longer to read than a second thread takes to begin.
_SHARED = 32 * 2**20

# Of such short vectors FAISS takes several at once, and the last ones otherwise: equal ones would not tie.
_TINY = 8


def search_exactly(
    vectors_ND: np.ndarray,
    ids_N: np.ndarray,
    queries_QD: np.ndarray,
    k: int,
    allowed_N: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(scores float32 (Q, k), ids int64 (Q, k)), best first, equal scores in order of id.

    At least k vectors must be allowed. Each score is one dot product, whatever is asked beside it, so that
    equal vectors tie exactly. FAISS's threads share the queries or, of a single one, the vectors where there
    are many: reading them is what takes the time. The vectors may lie at any address, such as in a file that
    is mapped into memory.
    """
    queries = range(len(queries_QD))
    shared = len(queries) > 1 or vectors_ND.nbytes >= _SHARED
    threads = import_faiss().omp_get_max_threads() if shared else 1
    parts = threads if len(queries) == 1 else 1
    scores_QK = np.empty((len(queries), k), dtype=np.float32)
    ids_QK = np.empty((len(queries), k), dtype=np.int64)

    def find(query: int) -> None:
        scores_N = _score(vectors_ND, queries_QD[query], allowed_N, parts)
        best = find_best(scores_N, k)
        scores_QK[query], ids_QK[query] = sort_best(scores_N[best], ids_N[best], k)

    _share(threads // parts, find, queries)
    return scores_QK, ids_QK


def _share(threads: int, work: Callable[[int], None], jobs: range) -> None:
    """Have the jobs done by so many threads."""
    for _ in map(work, jobs) if threads == 1 else _pool(threads).map(work, jobs):
        pass


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="exact-search")


def _score(
    vectors_ND: np.ndarray, query_D: np.ndarray, allowed_N: np.ndarray | None, parts: int
) -> np.ndarray:
    """float32 (N,): what each vector scores, by so many threads; -inf for those that are not allowed."""
    scores_N = np.full(len(vectors_ND), -np.inf, dtype=np.float32)
    few = allowed_N is not None and 2 * np.count_nonzero(allowed_N) < len(allowed_N)
    step = _COPIED if few else math.ceil(max(1, len(vectors_ND)) / parts)

    def score(start: int) -> None:
        part = slice(start, start + step)
        if allowed_N is None:
            scores_N[part] = _dot(vectors_ND[part], query_D)
        elif few:
            rows = start + np.flatnonzero(allowed_N[part])
            scores_N[rows] = _dot(vectors_ND[rows], query_D)
        else:
            scores_N[part][allowed_N[part]] = _dot(vectors_ND[part], query_D)[allowed_N[part]]

    _share(parts, score, range(0, len(vectors_ND), step))
    return scores_N


def _dot(vectors_BD: np.ndarray, query_D: np.ndarray) -> np.ndarray:
    if len(query_D) <= _TINY:
        scores_B: np.ndarray = np.vecdot(np.require(vectors_BD, requirements=["C", "A"]), query_D)
        return scores_B
    faiss = import_faiss()
    scores_B = np.empty(len(vectors_BD), dtype=np.float32)
    pointers = (faiss.swig_ptr(scores_B), faiss.swig_ptr(query_D), faiss.swig_ptr(vectors_BD))
    faiss.fvec_inner_products_ny(*pointers, len(query_D), len(vectors_BD))
    return scores_B
