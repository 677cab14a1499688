"""What a photo must be to be an answer: fields and their values. Reads and writes text.

    taken:2019    taken:2019-05..2020    taken:2021-12-24..    taken:>2019
    width:>3000   height:1000..2000      width:4000
    camera:canon  path:holiday           tag:espresso          caption:human

A text is found anywhere in the camera's name or a path, whatever the case and the width of its letters and
spaces; a tag is all of it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from retrieval.errors import UsageError
from retrieval.normal_form import fold_letters, fold_text
from retrieval.printable import make_printable
from retrieval.store.schema import Provenance


class Field(StrEnum):
    """What a filter looks at."""

    TAKEN = "taken"
    CAMERA = "camera"
    PATH = "path"
    WIDTH = "width"
    HEIGHT = "height"
    TAG = "tag"
    CAPTION = "caption"


@dataclass(frozen=True, slots=True)
class Filter:
    """A field, or its name, and what it must be or, where `negated`, must not be.

    A photo of which the field is not known is let through by the negated filter alone.

    Raises:
        UsageError: no such field, or a value that means nothing there.
    """

    field: Field
    value: str
    negated: bool = False

    def __post_init__(self) -> None:
        if self.field not in list(Field):
            raise UsageError(
                f"found the field {self.field!r}, expected one of: {', '.join(Field)}; name one of them"
            )
        object.__setattr__(self, "field", Field(self.field))
        if not isinstance(self.value, str) or not self.value.strip():
            raise UsageError(f"found the value {self.value!r} of {self.field}:, expected a text; correct it")
        try:
            parse_value(self.field, self.value)
        except ValueError as error:
            raise UsageError(f"found {self.field}:{self.value}, expected {error}; correct it") from None

    def __str__(self) -> str:
        value = self.value if _BARE.fullmatch(self.value) else f'"{self.value}"'
        return f"{'-' * self.negated}{self.field}:{value}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The numbers from `low` on and before `end`, pixels or seconds since 1970; None: no such bound."""

    low: int | None
    end: int | None


_Span = tuple[int, int]
"""(first, after the last) of what one value covers: a day is all of its seconds."""

QUOTES = '"“”„«»'
"""What a phrase or a value begins and ends with, in pairs or not."""

_BARE = re.compile(rf"[^\s{QUOTES}]+")
_ONE = re.compile(r"(>=|<=|>|<|=|)([^.<>=]+)")
_RANGE = re.compile(r"([^.<>=]*)\.\.([^.<>=]*)")
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")
_PIXELS = re.compile(r"[0-9]{1,9}")


def parse_value(field: Field, value: str) -> Bounds | str:
    """What the value of a filter means: bounds, or a text to be compared. A range holds both its ends.

    Raises:
        ValueError: it means nothing; the message says what was expected.
    """
    if field is Field.TAKEN:
        return _parse_bounds(value, _read_date, "a date such as 2019, 2019-05 or 2019-05-17", "2019")
    if field in (Field.WIDTH, Field.HEIGHT):
        return _parse_bounds(value, _read_pixels, "a number of pixels", "3000")
    if field is Field.PATH:
        # Paths are compared as they are shown, with an escape for a byte that is no UTF-8.
        return fold_letters(make_printable(value))
    lowered = fold_text(value)
    if field is Field.CAPTION and lowered not in list(Provenance):
        raise ValueError(f"who wrote the caption, {' or '.join(Provenance)}")
    return lowered


def _parse_bounds(value: str, read: Callable[[str], _Span], what: str, example: str) -> Bounds:
    try:
        if one := _ONE.fullmatch(value):
            low, end = read(one[2])
            return {
                ">": Bounds(end, None),
                ">=": Bounds(low, None),
                "<": Bounds(None, low),
                "<=": Bounds(None, end),
            }.get(one[1], Bounds(low, end))
        if (both := _RANGE.fullmatch(value)) and any(both.groups()):
            bounds = Bounds(read(both[1])[0] if both[1] else None, read(both[2])[1] if both[2] else None)
            if bounds.low is None or bounds.end is None or bounds.low < bounds.end:
                return bounds
    except ValueError:
        pass
    raise ValueError(f"{what}, a range as in {example}.. or a bound as in >{example}")


def _read_date(text: str) -> _Span:
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    date = np.datetime64(text)
    low, end = (int(each.astype("datetime64[s]").astype(np.int64)) for each in (date, date + 1))
    return low, end


def _read_pixels(text: str) -> _Span:
    if not _PIXELS.fullmatch(text):
        raise ValueError(text)
    return int(text), int(text) + 1
