"""Whether what is said to be so likely is so often true. Probabilities and truths in, measures out.

Shapes: N hits.
"""

from dataclasses import dataclass

import numpy as np

_BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """The hits said to be `low` to `high` likely: how many, what was said on average, and what was true."""

    low: float
    high: float
    hits: int
    said: float
    true: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of a tenth each that have hits; shares from 0 to 1.

    `ece`, the expected calibration error (Naeini et al. 2015), is the mean distance of what was said and what
    was true over the bins, weighted by their hits; `brier` is the mean square of (said - true) over the hits.
    """

    hits: int
    said: float
    true: float
    ece: float
    brier: float
    bins: tuple[Bin, ...]


def measure_reliability(said_N: np.ndarray, true_N: np.ndarray) -> Reliability:
    """The reliability of one hit or more: their probabilities, and whether each was right."""
    place_N = np.minimum((said_N * _BINS).astype(np.int64), _BINS - 1)
    bins = []
    for place in np.unique(place_N).tolist():
        inside_N = place_N == place
        said, true = float(said_N[inside_N].mean()), float(true_N[inside_N].mean())
        bins.append(Bin(place / _BINS, (place + 1) / _BINS, int(inside_N.sum()), said, true))
    return Reliability(
        hits=len(said_N),
        said=float(said_N.mean()),
        true=float(true_N.mean()),
        ece=sum(each.hits * abs(each.said - each.true) for each in bins) / len(said_N),
        brier=float(((said_N - true_N) ** 2).mean()),
        bins=tuple(bins),
    )
