"""Several channels' answers fused, against sums written out."""

import numpy as np
import pytest

from retrieval.channel import Channel
from retrieval.fusion import FusionConfig, fuse_scores, rank_scores

CONFIG = FusionConfig(caption=2.0, image=1.0)


def answer(scores: list[list[float]], numbers: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(scores, dtype=np.float32), np.array(numbers, dtype=np.int64)


def test_the_fused_score_is_the_weighted_sum() -> None:
    answers = {
        Channel.CAPTION: answer([[0.9, 0.5, 0.1]], [[2, 0, 1]]),
        Channel.IMAGE: answer([[0.8, 0.6, 0.2]], [[1, 2, 0]]),
    }
    fused = fuse_scores(answers, CONFIG, photos=3)
    np.testing.assert_allclose(fused, [[2 * 0.5 + 0.2, 2 * 0.1 + 0.8, 2 * 0.9 + 0.6]], rtol=1e-6)
    scores, numbers = rank_scores(fused, 2)
    assert numbers.tolist() == [[2, 0]]
    np.testing.assert_allclose(scores, [[2.4, 1.2]], rtol=1e-6)


def test_a_photo_that_a_channel_left_out_counts_with_the_lowest_score_there() -> None:
    answers = {
        Channel.CAPTION: answer([[0.9, 0.5]], [[2, 0]]),
        Channel.IMAGE: answer([[0.8, -np.inf]], [[1, -1]]),
    }
    fused = fuse_scores(answers, CONFIG, photos=3)
    np.testing.assert_allclose(fused, [[2 * 0.5 + 0.8, 2 * 0.5 + 0.8, 2 * 0.9 + 0.8]], rtol=1e-6)


def test_a_channel_without_an_answer_says_nothing() -> None:
    answers = {
        Channel.CAPTION: answer([[0.9, 0.5]], [[1, 0]]),
        Channel.IMAGE: answer([[-np.inf, -np.inf]], [[-1, -1]]),
    }
    np.testing.assert_allclose(fuse_scores(answers, CONFIG, photos=2), [[1.0, 1.8]], rtol=1e-6)


def test_equal_scores_come_in_order_of_number() -> None:
    _, numbers = rank_scores(np.array([[0.5, 0.7, 0.5, 0.7]], dtype=np.float32), 4)
    assert numbers.tolist() == [[1, 3, 0, 2]]


@pytest.mark.parametrize("channel", list(Channel))
def test_every_channel_has_a_weight(channel: Channel) -> None:
    assert FusionConfig().weight(channel) >= 0
