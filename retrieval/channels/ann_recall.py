"""`ann_recall@k`: how much of the exact answer an approximate index finds. Answers in, shares out."""

import numpy as np

_TOLERANCE = 1e-5
_QUERIES_AT_ONCE = 64
_SCORES_AT_ONCE = 2**22


def ann_recall(found_QK: np.ndarray, scores_QK: np.ndarray, kth_Q: np.ndarray) -> np.ndarray:
    """The share of k neighbours that are as near as the exact k nearest (Q,), 0 to 1.

    `found_QK` int64 numbers of vectors, -1 for none; `scores_QK` their exact scores; `kth_Q` the score of the
    exact k-th neighbour. A neighbour as near as the k-th counts, whichever of equal ones was chosen, within
    rounding errors (Aumüller, Bernhardsson and Faithfull 2017). The same one twice counts once.
    """
    shares = []
    for found_K, scores_K, kth in zip(found_QK, scores_QK, kth_Q, strict=True):
        near = found_K[(found_K >= 0) & (scores_K >= kth - _TOLERANCE)]
        shares.append(min(1.0, len(np.unique(near)) / found_QK.shape[1]))
    return np.array(shares)


def find_kth_scores(queries_QD: np.ndarray, vectors_ND: np.ndarray, k: int) -> np.ndarray:
    """The score of each query's exact k-th neighbour (Q,), by inner products; -inf where there are fewer."""
    best_QK = np.full((len(queries_QD), k), -np.inf, dtype=np.float32)
    at_once = max(1, _SCORES_AT_ONCE // max(1, len(queries_QD)))
    for start in range(0, len(vectors_ND), at_once):
        some_QS = _find_best_scores(queries_QD, vectors_ND[start : start + at_once], k)
        best_QK = np.partition(np.concatenate([best_QK, some_QS], axis=1), -k, axis=1)[:, -k:]
    kth_Q: np.ndarray = best_QK.min(axis=1)
    return kth_Q


def _find_best_scores(queries_QD: np.ndarray, vectors_VD: np.ndarray, k: int) -> np.ndarray:
    """Each query's k best scores, or fewer where there are fewer vectors, in no order."""
    scores_QV: np.ndarray = queries_QD @ vectors_VD.T
    best = min(k, len(vectors_VD))
    scores_QV.partition(-best, axis=1)
    return scores_QV[:, -best:]


def measure_ann_recall(
    found_QK: np.ndarray, queries_QD: np.ndarray, vectors_ND: np.ndarray, kth_Q: np.ndarray
) -> float:
    """The mean `ann_recall`, 0 to 1, of answers to `queries_QD` over `vectors_ND`, by inner products.

    `kth_Q` is of `find_kth_scores`: once for all answers to the same queries.
    """
    shares = []
    for start in range(0, len(found_QK), _QUERIES_AT_ONCE):
        batch = slice(start, start + _QUERIES_AT_ONCE)
        found = found_QK[batch]
        scores_QK = np.einsum("qkd,qd->qk", vectors_ND[found], queries_QD[batch])
        shares.append(ann_recall(found, scores_QK, kth_Q[batch]))
    return float(np.concatenate(shares).mean())
