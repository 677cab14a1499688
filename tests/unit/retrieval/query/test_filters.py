from datetime import UTC, datetime

import pytest

from retrieval.errors import UsageError
from retrieval.query.filters import Bounds, Field, Filter, parse_value


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("value", "low", "end"),
    [
        ("2019", "2019-01-01", "2020-01-01"),
        ("=2019", "2019-01-01", "2020-01-01"),
        ("2019-12", "2019-12-01", "2020-01-01"),
        ("2020-02-29", "2020-02-29", "2020-03-01"),
        ("2019..2021", "2019-01-01", "2022-01-01"),
        ("2019-05..2019-05-17", "2019-05-01", "2019-05-18"),
        ("2019..2019", "2019-01-01", "2020-01-01"),
        ("2019-05-17..2019", "2019-05-17", "2020-01-01"),
        ("2019..", "2019-01-01", None),
        ("..2019-05", None, "2019-06-01"),
        (">2019", "2020-01-01", None),
        (">=2019", "2019-01-01", None),
        ("<2019", None, "2019-01-01"),
        ("<=2019", None, "2020-01-01"),
        ("1950", "1950-01-01", "1951-01-01"),
    ],
)
def test_a_date_is_all_of_its_seconds(value: str, low: str | None, end: str | None) -> None:
    assert parse_value(Field.TAKEN, value) == Bounds(low and seconds(low), end and seconds(end))


@pytest.mark.parametrize(
    ("value", "low", "end"),
    [
        ("3000", 3000, 3001),
        (">3000", 3001, None),
        (">=3000", 3000, None),
        ("<3000", None, 3000),
        ("<=3000", None, 3001),
        ("1000..2000", 1000, 2001),
        ("2000..2000", 2000, 2001),
        ("..2000", None, 2001),
    ],
)
@pytest.mark.parametrize("field", [Field.WIDTH, Field.HEIGHT])
def test_pixels(field: Field, value: str, low: int | None, end: int | None) -> None:
    assert parse_value(field, value) == Bounds(low, end)


@pytest.mark.parametrize("field", [Field.TAKEN, Field.WIDTH])
@pytest.mark.parametrize("value", ["", "..", "...", ">", "=>1", "1..2..3", "x", "2019..x", "-1", "1e3", "٣"])
def test_values_that_mean_nothing(field: Field, value: str) -> None:
    with pytest.raises(ValueError, match=r"a range as in .*\.\. or a bound as in >"):
        parse_value(field, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field.TAKEN, "2021..2019"),
        (Field.TAKEN, "2019-05-02..2019-05-01"),
        (Field.WIDTH, "3000..1000"),
        (Field.HEIGHT, "2..1"),
    ],
)
def test_a_range_that_runs_backwards_means_nothing(field: Field, value: str) -> None:
    with pytest.raises(ValueError, match=r"a range as in .*\.\. or a bound as in >"):
        parse_value(field, value)


def test_texts_are_compared_in_lower_case() -> None:
    assert parse_value(Field.CAMERA, "Canon EOS") == "canon eos"
    assert parse_value(Field.CAPTION, "Human") == "human"
    assert parse_value(Field.TAG, " Sports  Car") == "sports car"
    assert parse_value(Field.PATH, "My  Photos") == "my  photos"


def test_texts_are_compared_as_they_are_kept() -> None:
    decomposed = "Cafe\N{COMBINING ACUTE ACCENT}"
    for field in (Field.PATH, Field.CAMERA, Field.TAG):
        assert parse_value(field, decomposed) == "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    assert parse_value(Field.PATH, "\udcff") == r"\xff"
    assert parse_value(Field.TAG, "\udcff") == "?"


def test_filters_are_written_as_they_are_read() -> None:
    assert str(Filter(Field.CAMERA, "canon", negated=True)) == "-camera:canon"
    assert str(Filter(Field.PATH, "my holiday")) == 'path:"my holiday"'


def test_a_field_may_be_named() -> None:
    filters = Filter("path", "photos"), Filter(Field.PATH, "photos")
    assert filters[0] == filters[1]
    assert filters[0].field is Field.PATH


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (Field.WIDTH, "foo", "found width:foo, expected a number of pixels, a range .*; correct it"),
        ("width", 3000, "found the value 3000 of width:, expected a text; correct it"),
        ("path", " ", "found the value ' ' of path:, expected a text; correct it"),
        ("caption", "nobody", "found caption:nobody, expected who wrote the caption, model or human"),
        ("paths", "photos", "found the field 'paths', expected one of: taken, camera, path"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(field: Field, value: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Filter(field, value)
