import pytest

from retrieval.normal_form import fold_letters, fold_text, normalize_text


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("cafe\N{COMBINING ACUTE ACCENT}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("a\udcffb", "a?b"),
        ("Dog", "Dog"),
    ],
)
def test_an_accented_letter_is_one_character_and_what_is_no_unicode_goes(text, normal):
    assert normalize_text(text) == normal


def test_folded_texts_are_equal_whatever_their_case_and_spaces():
    for text in (" CAFE\N{COMBINING ACUTE ACCENT} \t Straße", "café STRASSE"):
        assert fold_text(text) == "café strasse"


def test_folded_letters_are_of_one_case_and_width_and_stay_so():
    folded = fold_letters("  \uff34\uff2f\uff2b\uff39\uff2f\u3000ｶﾞ İI")
    assert folded == fold_letters(folded) == "  tokyo ガ ii"
