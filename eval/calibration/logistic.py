"""Logistic regression by Newton's method. Numbers in, numbers out.

Shapes: N examples, F features.
"""

import numpy as np

from retrieval.errors import RetrievalError

_MOST_STEPS = 100
_CLOSE = 1e-10


def fit_logistic(features_NF: np.ndarray, true_N: np.ndarray) -> tuple[np.ndarray, float]:
    """(weights float64 (F,), bias) of the curve under which what is `true_N` (bool) is most likely.

    Raises:
        RetrievalError: there is no such curve: all are true or none, or the features tell them apart at once.
    """
    inputs_NG = np.column_stack([np.ones(len(features_NF)), features_NF]).astype(np.float64)
    weights_G = np.zeros(inputs_NG.shape[1])
    for _ in range(_MOST_STEPS):
        likely_N = 1 / (1 + np.exp(-np.clip(inputs_NG @ weights_G, -500, 500)))
        slope_G = inputs_NG.T @ (true_N - likely_N)
        curve_GG = (inputs_NG * (likely_N * (1 - likely_N))[:, None]).T @ inputs_NG
        try:
            step_G = np.linalg.solve(curve_GG, slope_G)
        except np.linalg.LinAlgError:
            break
        weights_G += step_G
        if np.abs(step_G).max() < _CLOSE:
            return weights_G[1:], float(weights_G[0])
    raise RetrievalError(
        f"found no curve through {len(true_N)} hits, {int(np.count_nonzero(true_N))} of them right, expected "
        "right and wrong ones of overlapping scores; calibrate with more photos"
    )
