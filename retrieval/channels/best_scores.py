"""The best of many scores, without sorting them all. Reads and writes nothing."""

import numpy as np

# Scores, of which the best one is looked at first, at most; and how many such blocks there are to be, at
# least, for each score that is wanted: with fewer the k best blocks reach far down.
_BLOCK = 8
_BLOCKS = 2


def find_best(scores_N: np.ndarray, k: int) -> np.ndarray:
    """int64, ascending: the places of the k best scores, of all that tie with the k-th, and of few others.

    Scores are numbers or -inf.
    """
    if not 0 < k <= len(scores_N):
        return np.arange(len(scores_N))
    block = min(max(len(scores_N) // (_BLOCKS * k), 1), _BLOCK)
    blocks = len(scores_N) // block
    # The best of k blocks are k scores: none below the k-th best of theirs is among the k best. They are
    # sorted: where many are equal, numpy takes ten times as long to part them.
    best_B = scores_N[: block * blocks].reshape(block, blocks).max(axis=0)
    return np.flatnonzero(scores_N >= np.sort(best_B)[blocks - k])
