"""What is remembered, and how much of it."""

from retrieval.cache import Cache


def test_the_least_lately_used_goes_first():
    cache = Cache(2)
    cache.keep("a", 1)
    cache.keep("b", 2)
    assert cache.get("a") == 1
    cache.keep("c", 3)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def weigh(_key, text):
    return len(text)


def test_what_is_kept_weighs_no_more_than_it_may():
    cache = Cache(10, weigh)
    for key, text in {"a": "xxxx", "b": "xxxx", "c": "xxxx", "d": "x" * 11}.items():
        cache.keep(key, text)
        assert cache.weight <= 10
    assert cache.get("d") is None
    assert cache.weight == 0


def test_a_value_that_is_there_stays():
    cache = Cache(10, weigh)
    cache.keep("a", "one")
    cache.keep("a", "another")
    assert (cache.get("a"), cache.weight) == ("one", 3)


def test_a_key_weighs_as_well():
    cache = Cache(10, lambda key, text: len(key) + len(text))
    for key in ("a" * 5, "b" * 5):
        cache.keep(key, "one")
    assert (cache.get("a" * 5), cache.get("b" * 5), cache.weight) == (None, "one", 8)
