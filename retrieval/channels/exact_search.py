"""Exact nearest neighbours: every vector is compared. Reads vectors where they lie; writes nothing.

Shapes: Q queries, N vectors, D dimensions, K neighbours, B vectors that are compared by one call, T queries
that are compared together.
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import numpy as np

from retrieval.channels.best_scores import find_best, sort_best
from retrieval.channels.faiss_installation import import_faiss

# Vectors that are copied at once where few of them are allowed.
_COPIED = 8192

# Queries that are compared with a vector while it is at hand: eight take three times as long as one.
_TOGETHER = 8
# Vectors that are compared with several queries by one call.
_COMPARED = 16384

# So many bytes of vectors take longer to read than a second thread takes to begin.
_SHARED = 32 * 2**20

# For vectors this short FAISS handles several per step and the rest by another routine, which sums in another
# order, so that equal vectors would not tie; at 12 dimensions one query and several are summed differently,
# too.
_TINY = 12


def search_exactly(
    vectors_ND: np.ndarray,
    ids_N: np.ndarray,
    queries_QD: np.ndarray,
    k: int,
    allowed_N: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(scores float32 (Q, k), ids int64 (Q, k)), best first, equal scores in order of id.

    At least k vectors must be allowed. Each score is one dot product, whatever is asked beside it, so that
    equal vectors tie exactly. As many threads as FAISS has share the queries or, of a few, the vectors, of a
    single one where there are many: reading them is what takes the time. The vectors may lie at any address,
    such as in a file that is mapped into memory.
    """
    starts = range(0, len(queries_QD), _TOGETHER)
    shared = len(queries_QD) > 1 or vectors_ND.nbytes >= _SHARED
    threads = import_faiss().omp_get_max_threads() if shared else 1
    parts = threads if len(starts) == 1 else 1
    scores_QK = np.empty((len(queries_QD), k), dtype=np.float32)
    ids_QK = np.empty((len(queries_QD), k), dtype=np.int64)

    def find(start: int) -> None:
        scores_TN = _score(vectors_ND, queries_QD[start : start + _TOGETHER], allowed_N, parts)
        for query, scores_N in enumerate(scores_TN, start):
            best = find_best(scores_N, k)
            scores_QK[query], ids_QK[query] = sort_best(scores_N[best], ids_N[best], k)

    _share(threads // parts, find, starts)
    return scores_QK, ids_QK


def _share(threads: int, work: Callable[[int], None], jobs: range) -> None:
    """Have the jobs done by so many threads."""
    for _ in map(work, jobs) if threads == 1 else _pool(threads).map(work, jobs):
        pass


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    # FAISS would have each of these threads share its work with others.
    alone = partial(import_faiss().omp_set_num_threads, 1)
    return ThreadPoolExecutor(threads, thread_name_prefix="exact-search", initializer=alone)


# The threads of a pool are not there in a forked process, where its jobs would wait for good.
os.register_at_fork(after_in_child=_pool.cache_clear)


def _score(
    vectors_ND: np.ndarray, queries_TD: np.ndarray, allowed_N: np.ndarray | None, parts: int
) -> np.ndarray:
    """float32 (T, N): what each vector scores, by so many threads; -inf for those that are not allowed."""
    scores_TN = np.full((len(queries_TD), len(vectors_ND)), -np.inf, dtype=np.float32)
    few = allowed_N is not None and 2 * np.count_nonzero(allowed_N) < len(allowed_N)
    step = _COPIED if few else math.ceil(max(1, len(vectors_ND)) / parts)

    def score(start: int) -> None:
        part = slice(start, start + step)
        if allowed_N is None:
            scores_TN[:, part] = _dot(vectors_ND[part], queries_TD)
        elif few:
            rows = start + np.flatnonzero(allowed_N[part])
            scores_TN[:, rows] = _dot(vectors_ND[rows], queries_TD)
        else:
            scores_TN[:, part][:, allowed_N[part]] = _dot(vectors_ND[part], queries_TD)[:, allowed_N[part]]

    _share(parts, score, range(0, len(vectors_ND), step))
    return scores_TN


def _dot(vectors_BD: np.ndarray, queries_TD: np.ndarray) -> np.ndarray:
    """float32 (T, B): the products of all queries with all vectors, each the same whatever is beside it."""
    queries, dimension = queries_TD.shape
    if dimension <= _TINY:
        aligned_BD = np.require(vectors_BD, requirements=["C", "A"])
        scores_TB: np.ndarray = np.vecdot(aligned_BD, queries_TD[:, None])
        return scores_TB
    faiss = import_faiss()
    if queries == 1:
        scores_TB = np.empty((1, len(vectors_BD)), dtype=np.float32)
        pointers = [faiss.swig_ptr(each) for each in (scores_TB, queries_TD, vectors_BD)]
        faiss.fvec_inner_products_ny(*pointers, dimension, len(vectors_BD))
        return scores_TB
    scores_BT = np.empty((len(vectors_BD), queries), dtype=np.float32)
    everyone = np.tile(np.arange(queries), min(_COMPARED, len(vectors_BD)))
    for start in range(0, len(vectors_BD), _COMPARED):
        some_BD = vectors_BD[start : start + _COMPARED]
        arrays = scores_BT[start:], some_BD, queries_TD, everyone
        pointers = [faiss.swig_ptr(each) for each in arrays]
        faiss.fvec_inner_products_by_idx(*pointers, dimension, len(some_BD), queries)
    return scores_BT.T
