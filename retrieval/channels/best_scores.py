"""The best of many scores, without sorting them all. Reads and writes nothing."""

import numpy as np

from retrieval.errors import RetrievalError

# Scores are compared in blocks of at most `_BLOCK`, by their maxima. There are at least `_BLOCKS` · k blocks:
# with fewer, the k-th best maximum would let too many scores through.
_BLOCK = 8
_BLOCKS = 2

_ALL_BUT_SIGN = np.int32(0x7FFFFFFF)
_LOWER_HALF = 0xFFFFFFFF


def require_some(k: int) -> None:
    """Refuse to find none.

    Raises:
        RetrievalError: k < 1.
    """
    if k < 1:
        raise RetrievalError(f"found k = {k}, expected at least 1; ask for more")


def make_answer(queries: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(scores float32 (Q, k), ids int64 (Q, k)) where nothing is found yet: -inf and -1.

    Raises:
        RetrievalError: as `require_some`.
    """
    require_some(k)
    return np.full((queries, k), -np.inf, dtype=np.float32), np.full((queries, k), -1, dtype=np.int64)


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


def sort_best(scores_C: np.ndarray, ids_C: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(scores float32 (K,), ids int64 (K,)) of the k best, best first, equal scores in order of id.

    Scores are float32, numbers or -inf; ids are from 0 and below 2³².
    """
    # Whole numbers with the score in their upper and the id in their lower half: numpy sorts these in a third
    # of the time of lexsort. Floats are in the order of their bits, the negative ones but for the sign in the
    # opposite one. Subtracted from 0, -0 and 0 are the same.
    worse_C = 0 - scores_C
    bits_C = worse_C.view(np.int32)
    keys_C = (bits_C ^ ((bits_C >> 31) & _ALL_BUT_SIGN)).astype(np.int64) << 32 | ids_C
    keys_C.sort()
    worse_C.sort()
    return 0 - worse_C[:k], keys_C[:k] & _LOWER_HALF
