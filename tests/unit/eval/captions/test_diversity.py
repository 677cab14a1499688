"""Diversity by hand."""

from eval.captions.diversity import count_diversity


def test_counts() -> None:
    diversity = count_diversity([("a", "dog"), ("a", "dog"), ("a", "cat", "sits")])
    assert (diversity.captions, diversity.distinct) == (3, 2)
    assert (diversity.vocabulary, diversity.words) == (4, 7)
    assert diversity.distinct_percent == 200 / 3
    assert diversity.mean_words == 7 / 3
