"""Whether two systems differ: paired by query, drawn by photo. Values per query in, differences out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.significance import LEVEL, PhotoPermutation, correct_holm

Shares = Mapping[str, np.ndarray]
"""Percent per query (Q,), by measure."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`difference` is the first system's mean less the second's, in points of a percent, with its interval.

    `p` is that of the permutation test, `p_holm` corrected for all comparisons that were made with it.
    """

    first: str
    second: str
    measure: str
    difference: float
    ci95: tuple[float, float]
    p: float
    p_holm: float

    @property
    def significant(self) -> bool:
        """Whether chance is an unlikely explanation, however many comparisons were made."""
        return self.p_holm < LEVEL


def compare_pairs(
    pairs: Sequence[tuple[tuple[str, Shares], tuple[str, Shares]]],
    bootstrap: PhotoBootstrap,
    permutation: PhotoPermutation,
) -> tuple[Comparison, ...]:
    """Every measure of every pair of named systems; all of them are one family for the correction."""
    rows = [
        (first, second, measure, values_Q - theirs[measure])
        for (first, ours), (second, theirs) in pairs
        for measure, values_Q in ours.items()
    ]
    if not rows:
        return ()
    p_C = permutation.test(np.stack([difference_Q for *_, difference_Q in rows]))
    return tuple(
        Comparison(
            first,
            second,
            measure,
            float(diff_Q.mean()),
            bootstrap.interval_of_mean(diff_Q),
            float(p),
            float(h),
        )
        for (first, second, measure, diff_Q), p, h in zip(rows, p_C, correct_holm(p_C), strict=True)
    )
