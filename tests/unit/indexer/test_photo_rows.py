import numpy as np

from indexer.captioner.captioner import Caption
from indexer.photo_rows import store_attention


def test_attention_is_scaled_to_each_words_largest_weight() -> None:
    attention_TRC = np.array([[[0.5, 0.25], [0.2, 0.05]], [[0.1, 0.9], [0.0, 0.0]]], dtype=np.float32)
    stored = store_attention(Caption(("a", "dog"), -1.0, attention_TRC))
    assert stored is not None
    assert stored.words == ("a", "dog")
    assert stored.weights_TRC.dtype == np.uint8
    # 255 × weight / largest weight of the word, rounded to even: 127.5, 102, 25.5; 28.33.
    assert stored.weights_TRC.tolist() == [[[255, 128], [102, 26]], [[28, 255], [0, 0]]]


def test_attention_of_zeros_stays_zero() -> None:
    stored = store_attention(Caption(("a",), -1.0, np.zeros((1, 2, 2), dtype=np.float32)))
    assert stored is not None
    assert stored.weights_TRC.tolist() == [[[0, 0], [0, 0]]]


def test_no_attention_and_no_words_store_nothing() -> None:
    assert store_attention(Caption(("a", "dog"), -1.0, None)) is None
    assert store_attention(Caption((), -1.0, np.zeros((0, 9, 9), dtype=np.float32))) is None
