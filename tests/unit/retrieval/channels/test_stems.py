import pytest

from retrieval.channels.stems import split_words, stem_words, swap_number

_SINGULARS = """man woman snowman policeman fireman fisherman child foot tooth goose mouse knife wolf calf
shelf scarf loaf bus quiz""".split()
_PLURALS = """men women snowmen policemen firemen fishermen children feet teeth geese mice knives wolves
calves shelves scarves loaves buses quizzes""".split()


@pytest.mark.parametrize(("one", "many"), zip(_SINGULARS, _PLURALS, strict=True))
def test_one_and_many_have_each_other(one: str, many: str) -> None:
    assert swap_number(stem_words(f"red {one}")) == stem_words(f"red {many}")
    assert swap_number(stem_words(f"red {many}")) == stem_words(f"red {one}")


def test_other_words_stay_as_they_are() -> None:
    stems = stem_words("A dog leaves a mango to the dogs")
    assert swap_number(stems) == stems
    assert swap_number(()) == ()


def test_a_mark_belongs_to_the_word_before_it() -> None:
    words = split_words("\u2764\ufe0fdogs, \u2600\ufe0f \ufe0f नमस्ते cafe\u0301!")
    assert words == ["dogs", "नमस्ते", "cafe\u0301"]
