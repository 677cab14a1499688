"""A fine-tuned CNN's features → the features that the classifier was trained on. Reads and writes nothing."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

_SCALES = (0.1, 10.0)


def fit_features(x_ND: np.ndarray, y_ND: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """The map (M (D, D), b (D,)) of least ‖x M + b − y‖² + ridge·N·mean(x²)·‖M − I‖², x centred.

    What the examples say nothing about stays as it is: the fine-tuned features come from those of `y`.
    """
    x_ND, y_ND = x_ND.astype(np.float64), y_ND.astype(np.float64)
    mean_x_D, mean_y_D = x_ND.mean(axis=0), y_ND.mean(axis=0)
    centred_ND = x_ND - mean_x_D
    gram_DD = centred_ND.T @ centred_ND
    eye_DD = np.eye(len(gram_DD))
    strength = ridge * np.trace(gram_DD) / len(gram_DD)
    moved_DD = centred_ND.T @ (y_ND - mean_y_D - centred_ND)
    map_DD = eye_DD + np.linalg.solve(gram_DD + strength * eye_DD, moved_DD)
    return map_DD, mean_y_D - mean_x_D @ map_DD


def match_sureness(found_NC: np.ndarray, expected_NC: np.ndarray) -> float:
    """What to multiply logits by, so that the most probable class is on average as probable as expected.

    A map that was held back says everything less surely (as temperature scaling, Guo et al. 2017). At least
    0.1, at most 10.
    """
    expected = _mean_largest(expected_NC)

    def exceed(scale: float) -> float:
        return _mean_largest(scale * found_NC) - expected

    if exceed(_SCALES[0]) >= 0:
        return _SCALES[0]
    if exceed(_SCALES[1]) <= 0:
        return _SCALES[1]
    scale: float = brentq(exceed, *_SCALES, xtol=1e-4)
    return scale


def _mean_largest(logits_NC: np.ndarray) -> float:
    return float(softmax(logits_NC, axis=1).max(axis=1).mean())
