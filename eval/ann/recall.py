"""`ann_recall@k`: how much of the exact answer an approximate index finds. Answers in, shares out."""

import numpy as np

_TOLERANCE = 1e-5
_QUERIES_AT_ONCE = 64


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


def measure_ann_recall(found_QK: np.ndarray, queries_QD: np.ndarray, vectors_ND: np.ndarray) -> float:
    """The mean `ann_recall` in percent of answers to `queries_QD` over `vectors_ND`, by inner products."""
    shares = []
    for start in range(0, len(found_QK), _QUERIES_AT_ONCE):
        batch = slice(start, start + _QUERIES_AT_ONCE)
        scores_QN, found = queries_QD[batch] @ vectors_ND.T, found_QK[batch]
        kth_Q = np.partition(scores_QN, -found.shape[1], axis=1)[:, -found.shape[1]]
        shares.append(ann_recall(found, np.take_along_axis(scores_QN, found, axis=1), kth_Q))
    return 100 * float(np.concatenate(shares).mean())
