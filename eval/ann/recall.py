"""`ann_recall@k`: how much of the exact answer an approximate index finds. Answers in, shares out."""

import numpy as np

_TOLERANCE = 1e-5


def ann_recall(found_QK: np.ndarray, kth_Q: np.ndarray, scores_QN: np.ndarray) -> np.ndarray:
    """The share of k neighbours that are as near as the exact k nearest (Q,), 0 to 1.

    `found_QK` int64 numbers of vectors, -1 for none; `kth_Q` the score of the exact k-th neighbour;
    `scores_QN` what every vector scores. A neighbour as near as the k-th counts, whichever of equal ones
    was chosen, within rounding errors (Aumüller, Bernhardsson and Faithfull 2017). The same one twice
    counts once.
    """
    shares = []
    for found_K, kth, scores_N in zip(found_QK, kth_Q, scores_QN, strict=True):
        distinct = np.unique(found_K[found_K >= 0])
        near = np.count_nonzero(scores_N[distinct] >= kth - _TOLERANCE)
        shares.append(min(1.0, near / found_QK.shape[1]))
    return np.array(shares)
