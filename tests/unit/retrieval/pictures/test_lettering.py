"""Text in pictures: letters of many alphabets, and never more than there is room for."""

import pytest

from retrieval.pictures.lettering import cut_text, load_font, wrap_text

FONT = load_font(14)
SENTENCE = "Žofie und ein großer Hund laufen am Strand entlang, während die Sonne untergeht"


@pytest.mark.parametrize("letter", "éžłßЖλאب…–’")
def test_letters_beyond_ascii_are_letters_and_no_boxes(letter: str) -> None:
    unknown = bytes(load_font(40).getmask("\uffff"))
    assert bytes(load_font(40).getmask(letter)) != unknown


@pytest.mark.parametrize("width", [20, 100, 260, 400])
def test_what_is_too_long_is_cut_where_the_room_ends(width: int) -> None:
    cut = cut_text(SENTENCE, FONT, width)
    assert cut.endswith("…")
    assert SENTENCE.startswith(cut[:-1])
    assert FONT.getlength(cut) <= width < FONT.getlength(SENTENCE[: len(cut) + 1] + "…")
    assert cut_text("Žofie", FONT, FONT.getlength("Žofie")) == "Žofie"


def test_lines_are_as_wide_as_there_is_room_and_break_between_words() -> None:
    first, second = wrap_text(SENTENCE, FONT, 260, 2).split("\n")
    assert SENTENCE.startswith(f"{first} ")
    assert FONT.getlength(first) <= 260 < FONT.getlength(SENTENCE[: SENTENCE.find(" ", len(first) + 1)])
    assert second.endswith("…")
    assert FONT.getlength(second) <= 260
    whole = wrap_text(SENTENCE, FONT, 260, 9)
    assert whole.replace("\n", " ") == SENTENCE
    assert all(FONT.getlength(line) <= 260 for line in whole.split("\n"))
    assert wrap_text("a\ndog ", FONT, 260, 2) == "a dog"
    assert wrap_text("", FONT, 260, 2) == ""


def test_a_word_without_an_end_is_broken() -> None:
    lines = wrap_text("W" * 60, FONT, 260, 9).split("\n")
    assert "".join(lines) == "W" * 60
    assert all(FONT.getlength(line) <= 260 for line in lines)
    assert len(lines) < 5
