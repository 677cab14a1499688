"""Pairs of systems, from values that can be read off."""

from itertools import combinations

import numpy as np
import pytest

from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.comparisons import compare_pairs
from eval.measures.significance import PhotoPermutation

PHOTO_Q = np.repeat(np.arange(40), 3)


def test_every_pair_and_measure_is_compared_in_one_family() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0, 100, size=120)
    systems = {
        "a": {"MRR": base, "Recall@1": base},
        "b": {"MRR": base - 20, "Recall@1": base},
        "c": {"MRR": base, "Recall@1": base + rng.normal(0, 1, size=120)},
    }
    pairs = list(combinations(systems.items(), 2))
    comparisons = compare_pairs(pairs, PhotoBootstrap(PHOTO_Q, 200, 0), PhotoPermutation(PHOTO_Q, 999, 0))
    assert [(each.first, each.second, each.measure) for each in comparisons] == [
        (first, second, measure)
        for first, second in (("a", "b"), ("a", "c"), ("b", "c"))
        for measure in ("MRR", "Recall@1")
    ]
    found = {(each.first, each.second, each.measure): each for each in comparisons}
    worse = found["a", "b", "MRR"]
    assert worse.difference == pytest.approx(20, abs=1e-9)
    assert worse.ci95 == pytest.approx((20, 20), abs=1e-9)
    assert worse.p == pytest.approx(1 / 1000, abs=1e-12)
    assert worse.p_holm == pytest.approx(6 / 1000, abs=1e-12)
    assert worse.significant
    same = found["a", "b", "Recall@1"]
    assert (same.difference, same.p, same.p_holm, same.significant) == (0, 1, 1, False)
    low, high = found["a", "c", "Recall@1"].ci95
    assert low < found["a", "c", "Recall@1"].difference < high


def test_no_pairs_give_no_comparisons() -> None:
    assert compare_pairs([], PhotoBootstrap(PHOTO_Q, 100, 0), PhotoPermutation(PHOTO_Q, 100, 0)) == ()
