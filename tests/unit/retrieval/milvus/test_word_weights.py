"""Weights against BM25 worked out by hand."""

import math

import pytest

from retrieval.channels.word_index import weigh_stem
from retrieval.milvus.word_weights import WordStatistics, _shorten, count_words, split_stems


def test_statistics_count_photos_and_not_words():
    statistics = count_words([[("dog", "run"), ("dog",)], [("cat",)], []])
    assert statistics == WordStatistics(3, 4 / 3, {"dog": 1, "run": 1, "cat": 1})
    assert count_words([]) == WordStatistics(0, 0, {})


def test_a_weight_is_idf_times_saturated_frequency():
    statistics = WordStatistics(10, 4.0, {"dog": 2, "run": 5})
    weights = statistics.weigh([("dog", "run"), ("dog",)])
    damping = 1.2 * (0.25 + 0.75 * 3 / 4)
    assert weights == {
        "dog": pytest.approx(math.log(1 + 8.5 / 2.5) * 2.2 * 2 / (2 + damping)),
        "run": pytest.approx(math.log(1 + 5.5 / 5.5) * 2.2 * 1 / (1 + damping)),
    }
    assert weigh_stem(10, 0) == pytest.approx(math.log(22))


def test_lengths_are_those_that_tantivy_keeps():
    """The beginning of its table, and what it keeps of longer ones."""
    assert [_shorten(length) for length in range(42)] == [*range(41), 40]
    assert [_shorten(length) for length in (55, 56, 57, 59, 60, 1000)] == [54, 56, 56, 56, 60, 984]


def test_each_text_is_split_by_itself_and_endless_words_are_left_out():
    assert split_stems(["Two Dogs", "", "x" * 65_531 + " cat"]) == [("two", "dog"), (), ("cat",)]
