"""nDCG against people's grades, over the photos that people judged. Scores and gains in, shares out."""

import numpy as np


def graded_ndcg(scores_D: np.ndarray, gains_D: np.ndarray) -> float:
    """NDCG (Järvelin and Kekäläinen 2002) of judged photos D in order of score, 0 to 1.

    Photos of equal score are in random order, and the value is the expected one: each gets the mean discount
    of their places. `gains_D` are not negative, and one at least is above 0.
    """
    discounts_D = 1 / np.log2(np.arange(2, len(gains_D) + 2))
    ideal = float(np.sort(gains_D)[::-1] @ discounts_D)
    order_D = np.argsort(-scores_D, kind="stable")
    sorted_D = scores_D[order_D]
    starts = np.flatnonzero(np.concatenate([[True], sorted_D[1:] != sorted_D[:-1]]))
    sizes = np.diff([*starts, len(sorted_D)])
    gains = np.add.reduceat(gains_D[order_D].astype(np.float64), starts)
    means = np.add.reduceat(discounts_D, starts) / sizes
    return float(gains @ means) / ideal
