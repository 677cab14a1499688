"""What a caption mentions."""

import pytest

from eval.failures.words import find_content, share_mentioned, stem
from retrieval.captioned_dataset import tokenize


@pytest.mark.parametrize(
    "forms",
    [
        ("run", "runs", "running", "ran"),
        ("ride", "rides", "riding"),
        ("dress", "dresses", "dressed"),
        ("jump", "jumps", "jumped", "jumping"),
        ("child", "children"),
        ("man", "men"),
        ("person", "people"),
        ("bus",),
        ("sea",),
    ],
)
def test_forms_of_one_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


def test_different_words_have_different_stems() -> None:
    words = "dog dock sea see red ride man main sand stand".split()
    assert len({stem(word) for word in words}) == len(words)


def test_words_without_content_do_not_count() -> None:
    assert find_content(tokenize("There is a dog on the beach")) == {"dog", "beach"}


@pytest.mark.parametrize(
    ("query", "caption", "share"),
    [
        ("two dogs running on the beach", "a dog runs on the beach", 1),
        ("a dog and a cat", "a dog is on the grass", 1 / 2),
        ("a red rocket", "two men on a stage", 0),
        ("it is there", "anything", 1),
        ("a dog", "", 0),
    ],
)
def test_the_share_of_the_querys_content(query: str, caption: str, share: float) -> None:
    assert share_mentioned(tokenize(query), tokenize(caption)) == share
