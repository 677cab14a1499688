import pytest

from retrieval.errors import UsageError
from retrieval.query.filters import Field, Filter
from retrieval.query.query_language import Query, QueryError, parse_query, parse_where


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a dog on the beach", Query("a dog on the beach")),
        ("  a \t dog\n", Query("a dog")),
        ('a "red car" drives', Query("a red car drives", phrases=("red car",))),
        ("“red  car”", Query("red car", phrases=("red car",))),
        ("«\u00a0red car\u00a0»", Query("red car", phrases=("red car",))),
        ('חייל צה"ל בחו"ל', Query('חייל צה"ל בחו"ל')),
        ('-צה”ל "בחו"ל" "אב"', Query('בחו"ל אב', phrases=('בחו"ל', "אב"), excluded=("צה”ל",))),
        ('tag:צה"ל', Query(filters=(Filter(Field.TAG, 'צה"ל'),))),
        ('5"tall man"', Query("5 tall man", phrases=("tall man",))),
        ("beach -dog", Query("beach", excluded=("dog",))),
        ('beach -"red car" -t-shirt', Query("beach", excluded=("red car", "t-shirt"))),
        ("beach −people –dog \uff0d«red car»", Query("beach", excluded=("people", "dog", "red car"))),
        ("1990–2000 a – b −− Spider-Man:Home", Query("1990–2000 a – b −− Spider-Man:Home")),
        ("−camera:canon", Query(filters=(Filter(Field.CAMERA, "canon", True),))),
        ('\ufeff"red car" \u200e-dog', Query("red car", phrases=("red car",), excluded=("dog",))),
        ("\u200fcamera:canon \u200b", Query("\u200b", filters=(Filter(Field.CAMERA, "canon"),))),
        (
            "black-and-white - a dog -- at 10:30 note: ;-)",
            Query("black-and-white - a dog -- at 10:30 note: ;-)"),
        ),
        ("camera:canon", Query(filters=(Filter(Field.CAMERA, "canon"),))),
        (
            'Taken:2019..2021 -camera:"Canon EOS" sea',
            Query(
                "sea", filters=(Filter(Field.TAKEN, "2019..2021"), Filter(Field.CAMERA, "Canon EOS", True))
            ),
        ),
        (
            "taken\uff1a2019 -Camera\uff1a“Canon EOS” path\uff1aC:/x",
            Query(
                filters=(
                    Filter(Field.TAKEN, "2019"),
                    Filter(Field.CAMERA, "Canon EOS", True),
                    Filter(Field.PATH, "C:/x"),
                )
            ),
        ),
        ("写真\uff1a犬 iphone\uff1a猫", Query("写真\uff1a犬 iphone\uff1a猫")),
        ("path:C:/my-photos", Query(filters=(Filter(Field.PATH, "C:/my-photos"),))),
    ],
)
def test_query_is_read(text: str, expected: Query) -> None:
    assert parse_query(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "found an empty query '', expected some words"),
        (" \n", 0, "found an empty query"),
        ('camera:"a car', 7, 'found a quote that is not closed, .* (at character 8: camera:▸"a car)'),
        ('a "red car', 2, 'found a quote that is not closed, .* (at character 3: a ▸"red car)'),
        ('a dog" b', 5, "not closed"),
        ('a ""', 2, "found no word in '\"\"', expected at least one"),
        ("a -!?", 2, "found no word in '-!\\?'"),
        ("a camra:canon", 2, "found the field 'camra', expected taken, .* did you mean camera:\\?"),
        ("date_taken:2019 sea", 0, "found the field 'date_taken', expected taken, .* did you mean taken:"),
        ("iso_speed:100", 0, "found the field 'iso_speed', expected taken, camera, path, "),
        ("see http://x", 4, "found the field 'http', .*; put quotes around words"),
        ("camera:«a car", 7, "found a quote that is not closed"),
        ("camera: canon", 7, "found no value of camera:, expected one"),
        ("-tag:", 5, "found no value of tag:"),
        ("Taken\uff1a 2019", 6, "found no value of Taken:"),
        ("taken\uff1ayesterday", 6, "found taken:yesterday, expected a date"),
        ('path:" "', 6, "found no value of path:"),
        ("taken:yesterday", 6, "found taken:yesterday, expected a date such as 2019"),
        ("taken:2019-13", 6, "expected a date"),
        ("taken:2019-02-30", 6, "expected a date"),
        ("taken:..", 6, "a range as in 2019.. or a bound as in >2019"),
        ("taken:>2019..2020", 6, "expected a date"),
        ("taken:2021..2019", 6, "found taken:2021..2019, expected a date .*, a range as in 2019.. or"),
        ("a width:wide", 8, "expected a number of pixels"),
        ("height:-5", 7, "expected a number of pixels"),
        ("caption:nobody", 8, "expected who wrote the caption, model or human"),
    ],
)
def test_what_means_nothing_is_refused_at_its_character(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError, match=message.replace("(at", r"\(at").replace("car)", r"car\)")) as caught:
        parse_query(text)
    assert caught.value.position == position
    assert isinstance(caught.value, UsageError)
    assert "\n" not in str(caught.value) or "\n" in text


def test_a_long_query_is_shown_around_the_character() -> None:
    with pytest.raises(QueryError) as caught:
        parse_query("word " * 60 + "taken:x" + " word" * 60)
    shown = "ord" + " word" * 6 + " taken:▸x" + " word" * 7 + " wor"
    assert str(caught.value).endswith(f"; correct it (at character 307: …{shown}…)")


def test_filters_hold_no_words() -> None:
    assert parse_where(None) == parse_where("  ") == Query()
    assert parse_where('camera:canon -dog "red car"') == parse_query('camera:canon -dog "red car"')
    with pytest.raises(QueryError, match="found the word 'sea' among filters") as caught:
        parse_where("camera:canon sea")
    assert caught.value.position == 13


def test_a_plain_query_is_its_text_alone() -> None:
    query = Query('a sign says "stop" -now')
    assert (query.text, query.is_strict) == ('a sign says "stop" -now', False)
