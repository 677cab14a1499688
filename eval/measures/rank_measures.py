"""Recall@k, Success@k, MRR, nDCG@k and ranks, from placements. Reads nothing, writes nothing.

Each function gives one float64 per query; shares are 0 to 1 here and percent in reports. Equal scores count
by their expected value (see `placements`). The oracle is `ir-measures` (R@k, Success@k, RR, nDCG@k).
"""

from collections.abc import Callable
from math import comb
from types import MappingProxyType

import numpy as np

from eval.searching.placements import Placements


def recall_at(placements: Placements, k: int) -> np.ndarray:
    """The share of a query's right photos among its first `k` (Q,).

    With one right photo per query this is Success@k; papers on image search by sentence call it R@k.
    """
    found_J = np.clip((k - placements.above_J) / placements.tied_J, 0, 1)
    recall_Q: np.ndarray = _sum_by_query(placements, found_J) / _count_by_query(placements)
    return recall_Q


def success_at(placements: Placements, k: int) -> np.ndarray:
    """The probability (Q,) that a right photo is among the first `k`.

    What papers on image-to-text retrieval, where a photo has five right sentences, call R@k.
    """
    above_Q, tied_Q, right_Q = _first_group(placements)
    success_Q: np.ndarray = (above_Q + tied_Q <= k).astype(np.float64)
    for query in np.flatnonzero((above_Q < k) & (above_Q + tied_Q > k)):
        tied, right, places = int(tied_Q[query]), int(right_Q[query]), k - int(above_Q[query])
        success_Q[query] = 1 - comb(tied - right, places) / comb(tied, places)
    return success_Q


def reciprocal_rank(placements: Placements) -> np.ndarray:
    """One over the rank of the first right photo (Q,); its mean over queries is MRR, not cut at any depth."""
    above_Q, tied_Q, right_Q = _first_group(placements)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int((above_Q + tied_Q).max()) + 1))])
    expected_Q: np.ndarray = (harmonic[above_Q + tied_Q] - harmonic[above_Q]) / tied_Q
    untied = tied_Q == 1
    expected_Q[untied] = 1 / (above_Q[untied] + 1)
    for query in np.flatnonzero((right_Q > 1) & (tied_Q > 1)):
        expected_Q[query] = _expected_reciprocal(int(above_Q[query]), int(tied_Q[query]), int(right_Q[query]))
    return expected_Q


def ndcg_at(placements: Placements, k: int) -> np.ndarray:
    """Normalised discounted cumulative gain of the first `k` (Q,), right photos gaining 1 (Järvelin 2002)."""
    gains = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
    end_J = np.minimum(placements.above_J + placements.tied_J, k)
    gained_J = (gains[end_J] - gains[np.minimum(placements.above_J, k)]) / placements.tied_J
    ideal_Q = gains[np.minimum(_count_by_query(placements), k)]
    ndcg_Q: np.ndarray = _sum_by_query(placements, gained_J) / ideal_Q
    return ndcg_Q


def first_rank(placements: Placements) -> np.ndarray:
    """The rank, from 1, of a query's first right photo (Q,); in a tie halves and other fractions occur."""
    above_Q, tied_Q, right_Q = _first_group(placements)
    expected_Q: np.ndarray = above_Q + (tied_Q + 1) / (right_Q + 1)
    return expected_Q


SHARES = MappingProxyType[str, Callable[[Placements], np.ndarray]](
    {
        "Recall@1": lambda placements: recall_at(placements, 1),
        "Recall@5": lambda placements: recall_at(placements, 5),
        "Recall@10": lambda placements: recall_at(placements, 10),
        "MRR": reciprocal_rank,
        "nDCG@10": lambda placements: ndcg_at(placements, 10),
    }
)
"""The measures of a report that are shares, averaged over queries."""


def _sum_by_query(placements: Placements, values_J: np.ndarray) -> np.ndarray:
    return np.bincount(placements.query_J, weights=values_J, minlength=placements.queries)


def _count_by_query(placements: Placements) -> np.ndarray:
    return np.bincount(placements.query_J, minlength=placements.queries)


def _first_group(placements: Placements) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each query's best-scored right photos: photos above, photos tied, and their number."""
    above_Q = np.full(placements.queries, np.iinfo(np.int64).max)
    np.minimum.at(above_Q, placements.query_J, placements.above_J)
    first_J = placements.above_J == above_Q[placements.query_J]
    tied_Q = np.empty_like(above_Q)
    tied_Q[placements.query_J[first_J]] = placements.tied_J[first_J]
    return above_Q, tied_Q, np.bincount(placements.query_J[first_J], minlength=placements.queries)


def _expected_reciprocal(above: int, tied: int, right: int) -> float:
    """1 / rank of the first of `right` photos among `tied` in random order, behind `above` others."""
    ways = comb(tied, right)
    return sum(comb(tied - place, right - 1) / ways / (above + place) for place in range(1, tied - right + 2))
