"""Whether a difference could be chance: a paired permutation test over photos. Differences in, p-values out.

Under the null hypothesis two systems are exchangeable, so for each photo it is as likely that their
difference has the other sign. The queries of one photo are not independent: they change sign together
(Fisher 1935; for retrieval Smucker, Allan and Carterette 2007). Shape suffixes: C comparisons, P photos, Q
queries.
"""

import numpy as np

LEVEL = 0.05
"""A corrected p below it is called significant."""

_AT_ONCE = 250


class PhotoPermutation:
    """Draws of signs for photos, the same for all comparisons.

    `photo_Q` is the number of the photo that each query belongs to, 0 to P - 1.
    """

    def __init__(self, photo_Q: np.ndarray, permutations: int, seed: int) -> None:
        self._photo_Q, self._permutations, self._seed = photo_Q, permutations, seed

    def test(self, differences_CQ: np.ndarray) -> np.ndarray:
        """Two-sided p (C,) of the mean over queries of each row being other than 0.

        p = (1 + draws at least as far from 0) / (1 + draws) (Phipson and Smyth 2010): it is never 0.
        """
        photos = int(self._photo_Q.max()) + 1
        sums_PC = np.stack(
            [np.bincount(self._photo_Q, weights=row, minlength=photos) for row in differences_CQ], axis=1
        )
        observed_C = np.abs(sums_PC.sum(axis=0))
        # Sums in another order differ in their last bits; that must not make an equal draw a smaller one.
        threshold_C = observed_C - 1e-9 * np.maximum(np.abs(sums_PC).sum(axis=0), 1e-300)
        rng, reached_C = np.random.default_rng(self._seed), np.zeros(len(differences_CQ), dtype=np.int64)
        for start in range(0, self._permutations, _AT_ONCE):
            draws = min(_AT_ONCE, self._permutations - start)
            signs_DP = rng.integers(0, 2, size=(draws, photos), dtype=np.int8) * 2.0 - 1.0
            reached_C += (np.abs(signs_DP @ sums_PC) >= threshold_C).sum(axis=0)
        p_C: np.ndarray = (1 + reached_C) / (1 + self._permutations)
        return p_C


def correct_holm(p_C: np.ndarray) -> np.ndarray:
    """The p-values (C,) of one family of comparisons, corrected for their number (Holm 1979).

    With all of them at `LEVEL`, the chance of one false alarm or more in the whole family is at most `LEVEL`.
    """
    order_C = np.argsort(p_C, kind="stable")
    stepped_C = p_C[order_C] * np.arange(len(p_C), 0, -1)
    corrected_C = np.empty_like(p_C, dtype=np.float64)
    corrected_C[order_C] = np.minimum(np.maximum.accumulate(stepped_C), 1.0)
    return corrected_C
