import pytest

from retrieval.search.matched_words import has_all_words, match_words


@pytest.mark.parametrize(
    ("caption", "query", "expected"),
    [
        ("two dogs are playing on the beach", "A dog plays at the Beach!", ("dogs", "playing", "beach")),
        ("a dog and a dog", "dog", ("dog",)),
        ("the man with the hat", "the man with a ball", ("man",)),
        ("a dog", "a cat", ()),
        ("Café in Paris", "cafe", ()),
        ("नमस्ते दुनिया", "नमस्ते!", ("नमस्ते",)),
        ("एक रास्ता", "कुत्ता", ()),
        ("एक रास्ता", "रास्ता", ("रास्ता",)),
        ("ทะเล ที่สวยงาม", "ที่สวยงาม", ("ที่สวยงาม",)),
        ("שָׁלוֹם עוֹלָם", "שָׁלוֹם", ("שָׁלוֹם",)),
        ("\u2764\ufe0fdogs at home", "dog", ("dogs",)),
        ("T-shirts by the sea_side", "a t-shirt at the seaside, sea", ("shirts", "sea")),
        ("", "dog", ()),
        ("a dog", "", ()),
    ],
)
def test_words_of_the_caption_that_the_query_has(caption: str, query: str, expected: tuple[str, ...]) -> None:
    assert match_words(caption, query) == expected


def test_all_words_of_the_query() -> None:
    assert has_all_words("two dogs are playing on the beach", "a dog plays")
    assert not has_all_words("two dogs are playing on the beach", "a dog sleeps")
    assert not has_all_words("a dog on the beach", "on the")
    assert has_all_words("एक रास्ता", "रास्ता")
    assert not has_all_words("कुत्ता रास", "रास्ता")
