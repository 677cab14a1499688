"""How sure a measure is: 95 % bootstrap intervals over photos (Efron 1979). Values in, intervals out.

The captions of one photo are not independent queries, so whole photos are drawn, with all their queries.
Shape suffixes: B resamples, P photos, Q queries.
"""

import numpy as np

_LEVEL = (2.5, 97.5)
_AT_ONCE = 100


class PhotoBootstrap:
    """Resamples of the photos, drawn once, so that all measures and systems see the same ones.

    `photo_Q` is the number of the photo that each query belongs to, 0 to P - 1, each with a query at least.
    """

    def __init__(self, photo_Q: np.ndarray, resamples: int, seed: int) -> None:
        photos = int(photo_Q.max()) + 1
        self._photo_Q = photo_Q
        rng, shares_P = np.random.default_rng(seed), np.full(photos, 1 / photos)
        self._drawn_BP = np.empty((resamples, photos), dtype=np.uint16)
        for row in range(resamples):
            self._drawn_BP[row] = rng.multinomial(photos, shares_P)
        self._queries_B = self._sum_drawn(np.bincount(photo_Q, minlength=photos))

    def interval_of_mean(self, values_Q: np.ndarray) -> tuple[float, float]:
        """The interval of the mean over queries of `values_Q`."""
        sums_P = np.bincount(self._photo_Q, weights=values_Q, minlength=self._drawn_BP.shape[1])
        return _interval(self._sum_drawn(sums_P) / self._queries_B)

    def interval_of_median(self, values_Q: np.ndarray) -> tuple[float, float]:
        """The interval of the median over queries of `values_Q`."""
        order = np.argsort(values_Q, kind="stable")
        sorted_Q, photo_Q = values_Q[order], self._photo_Q[order]
        medians = []
        for drawn_P in self._drawn_BP:
            reached_Q = np.cumsum(drawn_P[photo_Q])
            middle = np.array([(reached_Q[-1] - 1) // 2, reached_Q[-1] // 2])
            medians.append(sorted_Q[np.searchsorted(reached_Q, middle, side="right")].mean())
        return _interval(np.array(medians))

    def _sum_drawn(self, values_P: np.ndarray) -> np.ndarray:
        """float64 (B,): the sum over the drawn photos, a few resamples at a time to spare memory."""
        blocks = range(0, len(self._drawn_BP), _AT_ONCE)
        sums = [self._drawn_BP[start : start + _AT_ONCE].astype(np.float64) @ values_P for start in blocks]
        return np.concatenate(sums)


def _interval(values_B: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values_B, _LEVEL)
    return float(low), float(high)
