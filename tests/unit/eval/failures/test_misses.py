"""Where misses are lost, by ranks and captions that leave no doubt."""

from dataclasses import replace

import numpy as np
import pytest

from eval.dataset.collection import Collection
from eval.failures.causes import Cause, Miss, find_cause
from eval.failures.misses import Evidence, explain_misses, pick_worst

MISS = Miss(query=0, rank=50, ranks={"caption": 40, "image": 90}, skipped=False, mentioned=0.2)


@pytest.mark.parametrize(
    ("changes", "is_fused", "cause"),
    [
        ({}, True, Cause.CAPTION),
        ({"mentioned": 0.5}, True, Cause.VECTORS),
        ({"mentioned": 0.49}, True, Cause.CAPTION),
        ({"ranks": {"caption": 10, "image": 90}}, True, Cause.FUSION),
        ({"ranks": {"caption": 11, "image": 90}, "mentioned": 1}, True, Cause.VECTORS),
        ({"skipped": True, "ranks": {"caption": 1}}, True, Cause.APPROXIMATE_INDEX),
        ({"ranks": {}, "mentioned": 1}, False, Cause.VECTORS),
    ],
)
def test_the_rule(changes: dict[str, object], is_fused: bool, cause: Cause) -> None:
    assert find_cause(replace(MISS, **changes), depth=10, is_fused=is_fused) is cause


@pytest.fixture
def evidence() -> Evidence:
    fused = np.ones(12)
    fused[[0, 1, 4, 7]] = 30, 40, 20, 11
    caption = np.full(12, 50.0)
    caption[4] = 3
    return Evidence(
        ranks={"fused": fused, "caption": caption},
        # Photo 0: not mentioned. Photo 1: found by its caption. Photo 2: mentioned.
        captions=("a man on a horse", "a cat on a couch", "two kids at the sea", ""),
        ceiling=np.where(np.arange(12) == 1, 2.0, 99.0),
        skipped=np.zeros(12, dtype=bool),
    )


def test_every_miss_is_counted_once(small_collection: Collection, evidence: Evidence) -> None:
    failures, explained = explain_misses(small_collection, evidence, "fused", 10)
    assert (failures.system, failures.depth, failures.misses) == ("fused", 10, 4)
    assert failures.counts == {"caption": 3, "vectors": 0, "fusion": 1, "approximate_index": 0}
    assert failures.found_by_human_caption == {
        "caption": 1,
        "vectors": 0,
        "fusion": 0,
        "approximate_index": 0,
    }
    assert sum(failures.counts.values()) == failures.misses
    assert [miss.query for miss, _ in explained] == [1, 0, 4, 7]
    assert [cause for _, cause in explained] == [Cause.CAPTION, Cause.CAPTION, Cause.FUSION, Cause.CAPTION]
    assert explained[0][0].ranks == {"caption": 50}


def test_a_caption_that_mentions_it_leaves_the_vectors(
    small_collection: Collection, evidence: Evidence
) -> None:
    ranks = np.ones(12)
    ranks[8] = 99
    only = Evidence({"caption": ranks}, evidence.captions, None, evidence.skipped)
    failures, _ = explain_misses(small_collection, only, "caption", 10)
    assert failures.counts == {"caption": 0, "vectors": 1, "fusion": 0, "approximate_index": 0}
    assert failures.found_by_human_caption is None


def test_what_the_index_skipped(small_collection: Collection, evidence: Evidence) -> None:
    skipped = np.zeros(12, dtype=bool)
    skipped[[0, 2]] = True  # Query 2 is found all the same and no miss.
    failures, _ = explain_misses(small_collection, replace(evidence, skipped=skipped), "fused", 10)
    assert failures.counts["approximate_index"] == 1


def test_the_worst_are_of_different_photos(small_collection: Collection, evidence: Evidence) -> None:
    _, explained = explain_misses(small_collection, evidence, "fused", 10)
    assert [miss.query for miss, _ in pick_worst(small_collection, explained, 2)] == [1, 4]
    assert pick_worst(small_collection, explained, 0) == []


def test_no_misses(small_collection: Collection, evidence: Evidence) -> None:
    failures, explained = explain_misses(small_collection, evidence, "fused", 1000)
    assert (failures.misses, explained) == (0, [])
