"""Sentences that are encoded once."""

import threading
import time

import numpy as np

from retrieval.service.query_vectors import RememberingEncoder


class CountingEncoder:
    name, weights_sha256, dimension = "counting", "0" * 64, 2

    def __init__(self):
        self.texts = []
        self.inside = 0

    def encode(self, texts):
        self.inside += 1
        assert self.inside == 1, "tokenizers are not made for several threads"
        time.sleep(0.001)
        self.texts += texts
        self.inside -= 1
        return np.array([[np.cos(len(text)), np.sin(len(text))] for text in texts], dtype=np.float32)


def test_a_sentence_is_encoded_once_by_all_threads_together():
    counting = CountingEncoder()
    encoder = RememberingEncoder(counting)
    texts = ["a", "bb", "ccc", "bb"]
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(encoder.encode(texts).tolist())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counting.texts) == ["a", "bb", "ccc"]
    assert answers == [CountingEncoder().encode(texts).tolist()] * 8
    assert encoder.encode([]).shape == (0, 2)
