"""What holds of every caption score whatever the sentences."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.captions.bleu import score_bleus
from eval.captions.cider import score_cider, score_plain_cider
from eval.captions.diversity import count_diversity
from eval.captions.rouge import score_rouge


def score_bleu(
    hypotheses: list[tuple[str, ...]], references: list[list[tuple[str, ...]]]
) -> tuple[float, np.ndarray]:
    """BLEU-4."""
    return score_bleus(hypotheses, references)[-1]


SCORES: dict[Callable[..., tuple[float, np.ndarray]], float] = {
    score_bleu: 1,
    score_rouge: 1,
    score_cider: 10,
    score_plain_cider: 10,
}
SENTENCES = st.lists(st.sampled_from("a dog cat runs on grass two".split()), min_size=1, max_size=9).map(
    tuple
)
PAIRS = st.lists(st.tuples(SENTENCES, st.lists(SENTENCES, min_size=1, max_size=3)), min_size=2, max_size=6)
Pairs = list[tuple[tuple[str, ...], list[tuple[str, ...]]]]


def split(pairs: Pairs) -> tuple[list[tuple[str, ...]], list[list[tuple[str, ...]]]]:
    return [hypothesis for hypothesis, _ in pairs], [references for _, references in pairs]


@pytest.mark.parametrize("score", SCORES)
class TestEveryScore:
    @settings(max_examples=60, deadline=None)
    @given(pairs=PAIRS)
    def test_it_is_in_its_range(self, score: Callable[..., tuple[float, np.ndarray]], pairs: Pairs) -> None:
        corpus, photos = score(*split(pairs))
        assert photos.shape == (len(pairs),)
        for value in (corpus, *photos):
            assert 0 <= value <= SCORES[score] + 1e-6

    @settings(max_examples=60, deadline=None)
    @given(pairs=PAIRS, random=st.randoms(use_true_random=False))
    def test_the_order_of_photos_and_references_decides_nothing(
        self, score: Callable[..., tuple[float, np.ndarray]], pairs: Pairs, random: "np.random.Generator"
    ) -> None:
        order = list(range(len(pairs)))
        random.shuffle(order)
        corpus, photos = score(*split(pairs))
        moved = [(pairs[photo][0], pairs[photo][1][::-1]) for photo in order]
        moved_corpus, moved_photos = score(*split(moved))
        assert moved_corpus == pytest.approx(corpus, abs=1e-9)
        np.testing.assert_allclose(moved_photos, photos[order], rtol=0, atol=1e-9)

    @settings(max_examples=60, deadline=None)
    @given(pairs=PAIRS)
    def test_renaming_the_words_decides_nothing(
        self, score: Callable[..., tuple[float, np.ndarray]], pairs: Pairs
    ) -> None:
        def rename(tokens: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(f"x{token}" for token in tokens)

        renamed = [
            (rename(hypothesis), [rename(each) for each in of_photo]) for hypothesis, of_photo in pairs
        ]
        assert score(*split(renamed))[0] == pytest.approx(score(*split(pairs))[0], abs=1e-9)


@given(st.lists(SENTENCES, min_size=1, max_size=8))
def test_diversity_counts(captions: list[tuple[str, ...]]) -> None:
    diversity = count_diversity(captions)
    assert diversity.captions == len(captions)
    assert diversity.distinct <= diversity.captions
    assert diversity.vocabulary <= diversity.words
    assert 0 <= diversity.distinct_percent <= 100
    doubled = count_diversity([*captions, *captions])
    assert (doubled.distinct, doubled.vocabulary) == (diversity.distinct, diversity.vocabulary)
    assert doubled.words == 2 * diversity.words
