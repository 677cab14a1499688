"""Exact nearest neighbours: every vector is compared. Reads vectors where they lie; writes nothing.

Shapes: Q queries, N vectors, D dimensions, K neighbours, B vectors of a block.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from retrieval.channels.faiss_installation import import_faiss

# Vectors that are scored at once: few enough that their scores stay in the cache until the best are picked.
_BLOCK = 8192

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
    equal vectors tie exactly. FAISS's threads share the queries, or the vectors where there are more threads
    than queries: reading them is what takes the time. The vectors may lie at any address, such as in a file
    that is mapped into memory.
    """
    threads = import_faiss().omp_get_max_threads()
    parts = max(1, threads // max(1, len(queries_QD)))
    cuts = np.linspace(0, len(vectors_ND), parts + 1).astype(int).tolist()

    def find(job: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        query, part = job
        return _find_best(vectors_ND, queries_QD[query], k, allowed_N, range(cuts[part], cuts[part + 1]))

    jobs = [(query, part) for query in range(len(queries_QD)) for part in range(parts)]
    found = list(_pool(threads).map(find, jobs) if threads > 1 and len(jobs) > 1 else map(find, jobs))
    scores_QK = np.empty((len(queries_QD), k), dtype=np.float32)
    ids_QK = np.empty((len(queries_QD), k), dtype=np.int64)
    for query in range(len(queries_QD)):
        best = found[query * parts : (query + 1) * parts]
        scores = np.concatenate([scores for scores, _ in best])
        ids = ids_N[np.concatenate([rows for _, rows in best])]
        order_K = np.lexsort((ids, -scores))[:k]
        scores_QK[query], ids_QK[query] = scores[order_K], ids[order_K]
    return scores_QK, ids_QK


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="exact-search")


def _find_best(
    vectors_ND: np.ndarray, query_D: np.ndarray, k: int, allowed_N: np.ndarray | None, part: range
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows of the k best within a part, and of all that tie with the k-th, in any order."""
    best_scores, best_rows, least = np.empty(0, np.float32), np.empty(0, np.int64), -np.inf
    for scores_B, rows_B in _score_blocks(vectors_ND, query_D, allowed_N, part):
        good_B = scores_B >= least
        best_scores = np.concatenate([best_scores, scores_B[good_B]])
        best_rows = np.concatenate([best_rows, rows_B[good_B]])
        if len(best_scores) > 2 * k:
            least = np.partition(best_scores, -k)[-k]
            kept = best_scores >= least
            best_scores, best_rows = best_scores[kept], best_rows[kept]
    return best_scores, best_rows


def _score_blocks(
    vectors_ND: np.ndarray, query_D: np.ndarray, allowed_N: np.ndarray | None, part: range
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores and rows of what is allowed, block by block."""
    for start in range(part.start, part.stop, _BLOCK):
        stop = min(start + _BLOCK, part.stop)
        rows_B = np.arange(start, stop)
        if allowed_N is not None:
            rows_B = rows_B[allowed_N[start:stop]]
        if 2 * len(rows_B) < stop - start:
            yield _dot(vectors_ND[rows_B], query_D), rows_B
        else:
            yield _dot(vectors_ND[start:stop], query_D)[rows_B - start], rows_B


def _dot(vectors_BD: np.ndarray, query_D: np.ndarray) -> np.ndarray:
    if len(query_D) <= _TINY:
        scores_B: np.ndarray = np.vecdot(np.require(vectors_BD, requirements=["C", "A"]), query_D)
        return scores_B
    faiss = import_faiss()
    scores_B = np.empty(len(vectors_BD), dtype=np.float32)
    pointers = (faiss.swig_ptr(scores_B), faiss.swig_ptr(query_D), faiss.swig_ptr(vectors_BD))
    faiss.fvec_inner_products_ny(*pointers, len(query_D), len(vectors_BD))
    return scores_B
