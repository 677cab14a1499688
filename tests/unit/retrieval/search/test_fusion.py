"""Several channels' answers fused, against sums written out."""

import numpy as np
import pytest

from retrieval.channel import Channel
from retrieval.search.fusion import FusionConfig, FusionMethod, rank_scores, scatter_answer, weigh_answers

CONFIG = FusionConfig(caption=2.0, image=1.0)


def fuse(
    answers: dict[Channel, tuple[np.ndarray, np.ndarray]], config: FusionConfig, photos: int
) -> np.ndarray:
    by_photo = {channel: scatter_answer(channel, each, photos) for channel, each in answers.items()}
    return np.sum(list(weigh_answers(answers, by_photo, config).values()), axis=0)


def answer(scores: list[list[float]], numbers: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(scores, dtype=np.float32), np.array(numbers, dtype=np.int64)


def test_the_fused_score_is_the_weighted_sum() -> None:
    answers = {
        Channel.CAPTION: answer([[0.9, 0.5, 0.1]], [[2, 0, 1]]),
        Channel.IMAGE: answer([[0.8, 0.6, 0.2]], [[1, 2, 0]]),
    }
    fused = fuse(answers, CONFIG, photos=3)
    np.testing.assert_allclose(fused, [[2 * 0.5 + 0.2, 2 * 0.1 + 0.8, 2 * 0.9 + 0.6]], rtol=1e-6)
    scores, numbers = rank_scores(fused, 2)
    assert numbers.tolist() == [[2, 0]]
    np.testing.assert_allclose(scores, [[2.4, 1.2]], rtol=1e-6)


def test_a_photo_that_a_channel_left_out_counts_with_the_lowest_score_there() -> None:
    answers = {
        Channel.CAPTION: answer([[0.9, 0.5]], [[2, 0]]),
        Channel.IMAGE: answer([[0.8, -np.inf]], [[1, -1]]),
    }
    fused = fuse(answers, CONFIG, photos=3)
    np.testing.assert_allclose(fused, [[2 * 0.5 + 0.8, 2 * 0.5 + 0.8, 2 * 0.9 + 0.8]], rtol=1e-6)


def test_a_channel_without_an_answer_says_nothing() -> None:
    answers = {
        Channel.CAPTION: answer([[0.9, 0.5]], [[1, 0]]),
        Channel.IMAGE: answer([[-np.inf, -np.inf]], [[-1, -1]]),
    }
    np.testing.assert_allclose(fuse(answers, CONFIG, photos=2), [[1.0, 1.8]], rtol=1e-6)


def test_photos_without_a_word_of_the_query_score_0_where_all_with_one_are_known() -> None:
    config = FusionConfig(image=1.0, lexical=0.5)
    image = answer([[0.8, -0.2, -0.6], [0.8, -0.2, -0.6]], [[1, 2, 0], [1, 2, 0]])
    words = answer([[0.9, -np.inf], [0.9, 0.4]], [[0, -1], [0, 1]])
    fused = fuse({Channel.IMAGE: image, Channel.LEXICAL: words}, config, photos=3)
    # To the second query there may be more photos with its words: none of them above 0.4.
    expected = [[-0.6 + 0.45, 0.8, -0.2], [-0.6 + 0.45, 0.8 + 0.2, -0.2 + 0.2]]
    np.testing.assert_allclose(fused, expected, rtol=1e-6)


def test_reciprocal_ranks_are_summed_and_no_rank_counts_nothing() -> None:
    config = FusionConfig(method=FusionMethod.RECIPROCAL_RANK, caption=2.0, image=1.0, lexical=0.5)
    answers = {
        Channel.CAPTION: answer([[0.9, 0.5, 0.1]], [[2, 0, 1]]),
        Channel.IMAGE: answer([[0.8, 0.6]], [[1, 2]]),
        Channel.LEXICAL: answer([[0.3, -np.inf]], [[1, -1]]),
    }
    fused = fuse(answers, config, photos=3)
    np.testing.assert_allclose(fused, [[2 / 62, 2 / 63 + 1 / 61 + 0.5 / 61, 2 / 61 + 1 / 62]], rtol=1e-6)


def test_equal_scores_come_in_order_of_number() -> None:
    _, numbers = rank_scores(np.array([[0.5, 0.7, 0.5, 0.7]], dtype=np.float32), 4)
    assert numbers.tolist() == [[1, 3, 0, 2]]


@pytest.mark.parametrize("photos", [1, 7, 8, 100, 1000])
@pytest.mark.parametrize("distinct", [1, 3, 10**6])
def test_the_best_are_those_of_sorting_them_all(photos: int, distinct: int) -> None:
    random = np.random.default_rng(photos)
    scores = random.integers(0, distinct, (3, photos)).astype(np.float32)
    scores[:, random.random(photos) < 0.3] = -np.inf
    for k in {0, 1, 2, photos // 8, photos // 8 + 1, photos // 2, photos}:
        expected = [
            sorted(range(photos), key=lambda number: (-row[number], number))[:k] for row in scores.tolist()
        ]
        best, numbers = rank_scores(scores, k)
        assert numbers.tolist() == expected
        assert np.array_equal(best, np.take_along_axis(scores, numbers, axis=1))


@pytest.mark.parametrize("channel", list(Channel))
def test_every_channel_has_a_weight(channel: Channel) -> None:
    assert FusionConfig().weight(channel) >= 0
