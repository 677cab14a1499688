"""Sentences found by photo, against all scores sorted at once, and against `ir-measures`."""

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, Qrel, R, ScoredDoc, Success, nDCG

from eval.dataset.collection import Collection
from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.system_result import measure_sentence_search
from eval.searching.scored_queries import search_collection
from eval.searching.sentence_search import place_sentences


@pytest.mark.parametrize("at_once", [1, 5, 100])
def test_a_photo_ranks_the_sentences_by_its_column_of_the_scores(
    small_collection: Collection, table_engine: type, at_once: int
) -> None:
    scores_JP = np.random.default_rng(0).permutation(48).reshape(12, 4) / 7
    engine = table_engine(small_collection, {"caption": scores_JP})
    own_J = scores_JP[np.arange(12), small_collection.right_photos].astype(np.float32)
    batches = search_collection(engine, small_collection, "caption", at_once)
    placements = place_sentences(batches, small_collection, own_J)
    ranks = (-scores_JP).argsort(axis=0).argsort(axis=0)
    assert placements.above_J.tolist() == ranks[np.arange(12), small_collection.right_photos].tolist()
    assert placements.tied_J.tolist() == [1] * 12

    result = measure_sentence_search(placements, PhotoBootstrap(np.arange(4), 100, 0))
    run = [
        ScoredDoc(f"p{photo}", query.name, float(scores_JP[row, photo]))
        for row, query in enumerate(small_collection.queries)
        for photo in range(4)
    ]
    qrels = [Qrel(f"p{query.photo}", query.name, 1) for query in small_collection.queries]
    names = {
        Success @ 1: "Success@1",
        Success @ 5: "Success@5",
        R @ 5: "Recall@5",
        RR: "MRR",
        nDCG @ 10: "nDCG@10",
    }
    for metric, value in ir_measures.calc_aggregate(list(names), qrels, run).items():
        assert result.measures[names[metric]] == pytest.approx(100 * value, abs=1e-9)
    for name, (low, high) in result.ci95.items():
        assert low <= result.measures[name] <= high


def test_equal_scores_get_chance(small_collection: Collection, table_engine: type) -> None:
    engine = table_engine(small_collection, {"caption": np.zeros((12, 4))})
    batches = search_collection(engine, small_collection, "caption", 5)
    placements = place_sentences(batches, small_collection, np.zeros(12, dtype=np.float32))
    result = measure_sentence_search(placements, PhotoBootstrap(np.arange(4), 100, 0))
    assert result.measures["Success@1"] == pytest.approx(100 * 3 / 12, abs=1e-9)
    assert result.measures["Recall@5"] == pytest.approx(100 * 5 / 12, abs=1e-9)
