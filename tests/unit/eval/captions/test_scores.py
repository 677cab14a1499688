"""BLEU, ROUGE-L and CIDEr against `pycocoevalcap`, to 1e-9."""

import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from eval.captions.bleu import score_bleus
from eval.captions.cider import CiderScorer, score_cider, score_plain_cider
from eval.captions.pairs import Tokens
from eval.captions.rouge import score_rouge
from retrieval.errors import DatasetError, UsageError

Score = Callable[[Sequence[Tokens], Sequence[Sequence[Tokens]]], tuple[float, np.ndarray]]

# Three photos, two to three references each.
HYPOTHESES = [
    tuple("a small brown dog runs over the wet grass".split()),
    tuple("two men play a guitar on a stage".split()),
    tuple("a girl in a red coat stands in the snow".split()),
]
REFERENCES = [
    [
        tuple("a brown dog runs across wet grass".split()),
        tuple("the small dog is running over the grass".split()),
    ],
    [
        tuple("two men are playing guitars on a stage".split()),
        tuple("a band plays on the stage at night".split()),
        tuple("musicians play a guitar and drums on a stage".split()),
    ],
    [
        tuple("a girl with a red coat is standing in deep snow".split()),
        tuple("a child stands in the snow".split()),
    ],
]


def make_corpus(seed: int, photos: int = 60) -> tuple[list[tuple[str, ...]], list[list[tuple[str, ...]]]]:
    """Sentences of few words, so that n-grams repeat and are shared."""
    rng = random.Random(seed)

    def sentence(low: int, high: int) -> tuple[str, ...]:
        words = "a the dog cat runs on grass red two in snow".split()
        return tuple(rng.choices(words, k=rng.randint(low, high)))

    hypotheses = [sentence(0, 12) for _ in range(photos)]
    hypotheses[:3] = [(), ("dog",), ("unheard", "of", "words", "only", "here")]
    return hypotheses, [[sentence(1, 14) for _ in range(rng.randint(1, 5))] for _ in range(photos)]


def as_dicts(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """What `pycocoevalcap` takes: references, then hypotheses."""
    return (
        {photo: [" ".join(tokens) for tokens in of_photo] for photo, of_photo in enumerate(references)},
        {photo: [" ".join(tokens)] for photo, tokens in enumerate(hypotheses)},
    )


@pytest.mark.parametrize("seed", range(4))
class TestAgainstPycocoevalcap:
    def test_bleu(self, seed: int) -> None:
        hypotheses, references = make_corpus(seed)
        corpus, photos = Bleu(4).compute_score(*as_dicts(hypotheses, references), verbose=0)
        for order, (ours, ours_each) in enumerate(score_bleus(hypotheses, references)):
            assert ours == pytest.approx(corpus[order], abs=1e-9)
            np.testing.assert_allclose(ours_each, photos[order], rtol=0, atol=1e-9)

    @pytest.mark.parametrize(("score", "oracle"), [(score_rouge, Rouge), (score_cider, Cider)])
    def test_rouge_and_cider(self, seed: int, score: Score, oracle: type) -> None:
        hypotheses, references = make_corpus(seed)
        corpus, photos = oracle().compute_score(*as_dicts(hypotheses, references))
        ours, ours_each = score(hypotheses, references)
        assert ours == pytest.approx(corpus, abs=1e-9)
        np.testing.assert_allclose(ours_each, photos, rtol=0, atol=1e-9)

    def test_a_prepared_scorer_gives_any_photo_the_same_reward(self, seed: int) -> None:
        hypotheses, references = make_corpus(seed)
        scorer = CiderScorer(references)
        _, photos = score_cider(hypotheses, references)
        order = random.Random(seed).choices(range(len(hypotheses)), k=100)
        rewards = scorer.score_many(order, [hypotheses[photo] for photo in order])
        np.testing.assert_allclose(rewards, photos[order], rtol=0, atol=1e-12)

    def test_plain_cider_is_the_mean_cosine_of_the_tf_idf_vectors(self, seed: int) -> None:
        hypotheses, references = make_corpus(seed, photos=12)
        corpus, photos = score_plain_cider(hypotheses, references)
        expected = [plain_cider(hypotheses, references, photo) for photo in range(12)]
        np.testing.assert_allclose(photos, expected, rtol=0, atol=1e-9)
        assert corpus == pytest.approx(np.mean(expected), abs=1e-12)


def plain_cider(hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]], photo: int) -> float:
    """Equations 1 to 3 of the paper, word for word."""

    def ngrams(tokens: Tokens, order: int) -> list[tuple[str, ...]]:
        return [tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1)]

    def weigh(tokens: Tokens, order: int) -> dict[tuple[str, ...], float]:
        def frequency(ngram: tuple[str, ...]) -> int:
            return sum(any(ngram in ngrams(tokens, order) for tokens in of_photo) for of_photo in references)

        found = ngrams(tokens, order)
        return {w: found.count(w) * math.log(len(references) / max(1, frequency(w))) for w in found}

    def cosine(first: dict[tuple[str, ...], float], second: dict[tuple[str, ...], float]) -> float:
        lengths = math.hypot(*first.values()) * math.hypot(*second.values())
        return sum(weight * second.get(w, 0) for w, weight in first.items()) / lengths if lengths else 0

    of_photo = references[photo]
    cosines = [
        cosine(weigh(hypotheses[photo], order), weigh(tokens, order))
        for tokens in of_photo
        for order in range(1, 5)
    ]
    return 10 * sum(cosines) / len(cosines)


class TestByHand:
    def test_a_reference_itself_scores_all(self) -> None:
        hypotheses = [of_photo[0] for of_photo in REFERENCES]
        references = [[tokens] for tokens in hypotheses]
        assert [corpus for corpus, _ in score_bleus(hypotheses, references)] == pytest.approx(
            [1] * 4, abs=1e-8
        )
        assert score_rouge(hypotheses, references)[0] == pytest.approx(1, abs=1e-12)
        assert score_cider(hypotheses, references)[0] == pytest.approx(10, abs=1e-12)

    def test_rouge_of_two_words_in_three(self) -> None:
        # The longest common subsequence is "a runs": precision 2/2, recall 2/3.
        expected = (1 + 1.44) * (2 / 3) / (2 / 3 + 1.44)
        assert score_rouge([("a", "runs")], [[("a", "dog", "runs")]])[0] == pytest.approx(expected, abs=1e-12)

    def test_bleu_clips_repeated_words(self) -> None:
        # Papineni's example: "the" seven times, of which a reference has two.
        hypothesis = ("the",) * 7
        references = [tuple("the cat is on the mat".split()), tuple("there is a cat on the mat".split())]
        assert score_bleus([hypothesis], [references])[0][0] == pytest.approx(2 / 7, abs=1e-9)

    def test_bleu_penalises_brevity_by_the_closest_reference(self) -> None:
        references = [("a", "dog", "runs"), ("a", "dog", "runs", "on", "and", "on", "and", "on")]
        assert score_bleus([("a", "dog")], [references])[0][0] == pytest.approx(math.exp(1 - 3 / 2), abs=1e-6)

    def test_cider_of_one_photo_is_nothing(self) -> None:
        assert score_cider(HYPOTHESES[:1], REFERENCES[:1])[0] == 0


@pytest.mark.parametrize("score", [score_bleus, score_rouge, score_cider, score_plain_cider])
class TestRefusals:
    def test_other_numbers_of_photos(self, score: Score) -> None:
        with pytest.raises(DatasetError, match="2 captions for 3 photos' references"):
            score(HYPOTHESES[:2], REFERENCES)

    def test_a_photo_without_references(self, score: Score) -> None:
        with pytest.raises(DatasetError, match="photo number 1 has no references"):
            score(HYPOTHESES, [REFERENCES[0], [], REFERENCES[2]])

    def test_no_photos(self, score: Score) -> None:
        with pytest.raises(DatasetError, match="no photos"):
            score([], [])

    def test_texts_in_the_place_of_tokens(self, score: Score) -> None:
        text, message = " ".join(HYPOTHESES[0]), r"found the text 'a small brown .*', expected its tokens"
        with pytest.raises(UsageError, match=message):
            score([text, *HYPOTHESES[1:]], REFERENCES)
        for references in ([REFERENCES[0], [text], REFERENCES[2]], [text, *REFERENCES[1:]]):
            with pytest.raises(UsageError, match=message):
                score(HYPOTHESES, references)
