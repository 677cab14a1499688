import pytest

from retrieval.normal_form import normalize_text


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
