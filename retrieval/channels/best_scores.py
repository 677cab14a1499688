"""The best of many scores, without sorting them all. Reads and writes nothing."""

import numpy as np

# So many scores, at most, are a block, of which the best one is looked at first; and so many blocks, at
# least, there are for each score that is wanted: the best of fewer would reach far down.
_BLOCK = 8
_BLOCKS = 2


def find_best(scores_N: np.ndarray, k: int) -> np.ndarray:
    """int64, ascending: the places of the k best scores, of all that tie with the k-th, and of few others.

    Scores are numbers or -inf.
    """
    if not 0 < _BLOCKS * k <= len(scores_N):
        return np.arange(len(scores_N))
    block = min(len(scores_N) // (_BLOCKS * k), _BLOCK)
    blocks = len(scores_N) // block
    # The best of k blocks are k scores: none below the k-th best of theirs is among the k best. They are
    # sorted: where many are equal, numpy takes ten times as long to part them.
    best_B = scores_N[: block * blocks].reshape(block, blocks).max(axis=0)
    return np.flatnonzero(scores_N >= np.sort(best_B)[blocks - k])
