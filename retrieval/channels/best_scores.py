"""The best of many scores, without sorting them all. Reads and writes nothing."""

import numpy as np

# Scores, of which the best one is looked at first.
_BLOCK = 8


def find_best(scores_N: np.ndarray, k: int) -> np.ndarray:
    """int64, ascending: the places of the k best scores, of all that tie with the k-th, and of few others.

    Scores are numbers or -inf.
    """
    blocks = len(scores_N) // _BLOCK
    if not 0 < k <= blocks:
        return np.arange(len(scores_N))
    # The best of k blocks are k scores: none below the k-th best of theirs is among the k best. They are
    # sorted: where many are equal, numpy takes ten times as long to part them.
    best_B = scores_N[: _BLOCK * blocks].reshape(_BLOCK, blocks).max(axis=0)
    return np.flatnonzero(scores_N >= np.sort(best_B)[blocks - k])
