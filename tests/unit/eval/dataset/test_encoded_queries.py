"""An encoder that remembers gives the vectors of the one behind it."""

from collections.abc import Sequence

import numpy as np

from eval.dataset.encoded_queries import EncodedQueries
from retrieval.progress import no_progress
from retrieval.text.text_encoder import TextEncoder


def test_a_sentence_is_encoded_once(word_encoder: TextEncoder) -> None:
    asked: list[str] = []

    class Counting:
        name, weights_sha256, dimension = (
            word_encoder.name,
            word_encoder.weights_sha256,
            word_encoder.dimension,
        )

        def encode(self, texts: Sequence[str]) -> np.ndarray:
            asked.extend(texts)
            return word_encoder.encode(texts)

    encoder = EncodedQueries(Counting())
    encoder.remember(["a dog", "a cat", "a dog"], no_progress)
    np.testing.assert_array_equal(encoder.encode(["a cat", "a dog"]), word_encoder.encode(["a cat", "a dog"]))
    assert asked == ["a dog", "a cat"]
    np.testing.assert_array_equal(encoder.encode(["a cat", "new"]), word_encoder.encode(["a cat", "new"]))
    assert encoder.encode([]).shape == (0, word_encoder.dimension)
    assert (encoder.name, encoder.weights_sha256) == (word_encoder.name, word_encoder.weights_sha256)
