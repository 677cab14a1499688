"""What is remembered, and how much of it."""

import threading
import time

import numpy as np

from retrieval.service.cache import Cache
from retrieval.service.query_vectors import RememberingEncoder


def test_the_least_lately_used_goes_first():
    cache = Cache(2)
    cache.keep("a", 1)
    cache.keep("b", 2)
    assert cache.get("a") == 1
    cache.keep("c", 3)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_what_is_kept_weighs_no_more_than_it_may():
    cache = Cache(10, len)
    for key, text in {"a": "xxxx", "b": "xxxx", "c": "xxxx", "d": "x" * 11}.items():
        cache.keep(key, text)
        assert cache.weight <= 10
    assert cache.get("d") is None
    assert cache.weight == 0


def test_a_value_that_is_there_stays():
    cache = Cache(10, len)
    cache.keep("a", "one")
    cache.keep("a", "another")
    assert (cache.get("a"), cache.weight) == ("one", 3)


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
