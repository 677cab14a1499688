import pytest

from retrieval.channels.stems import split_words, stem_words, vary_number

_SINGULARS = """person man woman snowman policeman fireman fisherman gentleman child foot tooth goose mouse
knife wolf calf shelf scarf loaf bus quiz""".split()
_PLURALS = """people men women snowmen policemen firemen fishermen gentlemen children feet teeth geese mice
knives wolves calves shelves scarves loaves buses quizzes""".split()


@pytest.mark.parametrize(("one", "many"), list(zip(_SINGULARS, _PLURALS, strict=True)))
def test_one_and_many_have_each_other(one: str, many: str) -> None:
    both = (stem_words(f"red {one}"), stem_words(f"red {many}"))
    assert vary_number(both[0]) == both
    assert vary_number(both[1]) == both[::-1]


def test_one_and_many_are_mixed() -> None:
    mixed = {stem_words(each) for each in ("man and child", "man and children", "men and child")}
    assert set(vary_number(stem_words("men and children"))) == mixed | {stem_words("men and children")}
    many = vary_number(("man",) * 100)
    assert len(many) == 16
    assert many[0] == ("man",) * 100


def test_other_words_stay_as_they_are() -> None:
    stems = stem_words("A dog leaves a mango to the dogs")
    assert vary_number(stems) == (stems,)
    assert vary_number(()) == ((),)


def test_a_mark_belongs_to_the_word_before_it() -> None:
    words = split_words("\u2764\ufe0fdogs, \u2600\ufe0f \ufe0f नमस्ते cafe\u0301!")
    assert words == ["dogs", "नमस्ते", "cafe\u0301"]
