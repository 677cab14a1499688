r"""The language of queries: words, exact phrases, words to leave out, fields. Reads and writes text.

    a dog on the beach                  words: the photos nearest in meaning come first
    "on the beach"                      these words, in this order, in one of the photo's captions or tags
    -dog  -"red car"                    in none of its captions and tags
    taken:2019..2021  -camera:canon     see `filters`
    path:"my holiday"                   quotes around what holds a space

A hyphen or a colon within a word or on its own is a character like any other, and so is a quote between two
Hebrew letters, as in acronyms; typographic quotes are quotes, a minus sign or an en dash before a word is a
hyphen, and a wide colon after one of the fields is a colon.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from retrieval.errors import UsageError
from retrieval.printable import INVISIBLE
from retrieval.query.filters import QUOTES, Field, Filter

_HERE = "▸"
_SHOWN = 40
_MINUSES = "-−–\uff0d"
# Copied text may begin with these.
_UNSEEN = INVISIBLE + "\u200b"
_WITHIN_WORD = '(?<=[א-ת])["”](?=[א-ת])'
_WIDE_COLON = "\uff1a"
_FIELD = f"(?i:{'|'.join(Field)})"
_TERM = re.compile(
    rf"""[{_UNSEEN}]*
         (?P<minus>[{_MINUSES}](?=\S))?
         ((?P<field>[^\W\d_][^\W\d]*(?=:)|{_FIELD}(?={_WIDE_COLON})).(?=\S))?
         ([{QUOTES}](?P<quoted>([^{QUOTES}]|{_WITHIN_WORD})*)[{QUOTES}]
          | (?P<bare>([^\s{QUOTES}]|{_WITHIN_WORD})+))""",
    re.VERBOSE,
)
_NO_VALUE = "found no value of {}:, expected one; write it without a space, in quotes for the shell"
_LONE_FIELD = re.compile(rf"({_FIELD})[:{_WIDE_COLON}]")
_LETTER = re.compile(r"[^\W_]")
_BARE_WORD = re.compile(r"\w+")


class QueryError(UsageError):
    """A query that cannot be read. `position` is that of the character, from 0, at which it goes wrong."""

    def __init__(self, problem: str, text: str, position: int) -> None:
        self.position = position
        super().__init__(f"{problem} (at character {position + 1}: {_point_at(text, position)})")


@dataclass(frozen=True, slots=True)
class Query:
    """A query, read; `parse_query` turns its `str` into the query again.

    But for `Query(text)`: a sentence to be searched by meaning alone, whatever quotes, hyphens and colons
    are in it.

    `text` is what is searched by meaning, the words of the phrases included; it may be empty. `phrases` and
    `excluded`, which are words and phrases, are as they were typed, without the quotes.
    """

    text: str = ""
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()

    @property
    def is_strict(self) -> bool:
        """Whether there may be photos that are no answer however near they are."""
        return bool(self.phrases or self.excluded or self.filters)

    def __str__(self) -> str:
        excluded = [f"-{each}" if _BARE_WORD.fullmatch(each) else f'-"{each}"' for each in self.excluded]
        return " ".join([*_quote(self.text.split(), self.phrases), *excluded, *map(str, self.filters)])


def parse_query(text: str) -> Query:
    """Read a query.

    Raises:
        QueryError: it is empty, or something in it means nothing.
    """
    if not text.strip():
        raise QueryError(
            f"found an empty query {text!r}, expected some words; write what the photo shows", text, 0
        )
    read = _Read()
    for term in _split(text):
        _add(read, term, text)
    return Query(" ".join(read.words), tuple(read.phrases), tuple(read.excluded), tuple(read.filters))


def parse_where(text: str | None) -> Query:
    """Read the filters of a search: the same language without words to be searched by meaning.

    Phrases and words to leave out may be among them. Nothing at all lets every photo through.

    Raises:
        QueryError: it holds other words, or something in it means nothing.
    """
    if text is None or not text.strip():
        return Query()
    query = parse_query(text)
    for term in _split(text):
        if term["bare"] and not _is_special(term):
            raise QueryError(
                f"found the word {term['bare']!r} among filters, expected fields such as taken:2019 or "
                "camera:canon, phrases in quotes and -words; write it in the query",
                text,
                term.start(),
            )
    return query


@dataclass(slots=True)
class _Read:
    words: list[str] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)


def _split(text: str) -> Iterator[re.Match[str]]:
    position, end = 0, len(text.rstrip())
    while position < end:
        if text[position].isspace():
            position += 1
            continue
        term = _TERM.match(text, position)
        if term is None:
            raise QueryError(
                "found a quote that is not closed, expected another one; close it or leave it out",
                text,
                position,
            )
        yield term
        position = term.end()


def _is_special(term: re.Match[str]) -> bool:
    """Whether a term is more than a word; hyphens alone are one."""
    return bool(
        term["field"] or term["quoted"] is not None or (term["minus"] and term["bare"].strip(_MINUSES))
    )


def _add(read: _Read, term: re.Match[str], text: str) -> None:
    if term["field"]:
        read.filters.append(_read_filter(term, text))
        return
    _refuse_lone_field(term, text)
    if not _is_special(term):
        read.words.append(term[0])
        return
    words = " ".join((term["bare"] or term["quoted"]).split())
    if not _LETTER.search(words):
        problem = f"found no word in {term[0]!r}, expected at least one; leave it out"
        raise QueryError(problem, text, term.start())
    if term["minus"]:
        read.excluded.append(words)
    else:
        read.words.append(words)
        read.phrases.append(words)


def _read_filter(term: re.Match[str], text: str) -> Filter:
    name, value = term["field"].lower(), (term["bare"] or term["quoted"]).strip(_UNSEEN)
    if name not in list(Field):
        near = difflib.get_close_matches(name, list(Field), n=1)
        advice = (
            f"did you mean {near[0]}:?" if near else "put quotes around words that have a colon between them"
        )
        raise QueryError(
            f"found the field {name!r}, expected {_join(Field)}; {advice}", text, term.start("field")
        )
    start = term.start("bare" if term["bare"] else "quoted")
    if not value.strip():
        raise QueryError(_NO_VALUE.format(name), text, start)
    try:
        return Filter(Field(name), value, bool(term["minus"]))
    except UsageError as error:
        raise QueryError(str(error), text, start) from None


def _refuse_lone_field(term: re.Match[str], text: str) -> None:
    lone = _LONE_FIELD.fullmatch(term["bare"] or "")
    unclosed = text.startswith(tuple(QUOTES), term.end())  # which is said where it comes
    if lone and not unclosed:
        raise QueryError(_NO_VALUE.format(lone[1]), text, term.end())


def _point_at(text: str, position: int) -> str:
    before, after = text[:position], text[position:]
    start = "…" if len(before) > _SHOWN else ""
    end = "…" if len(after) > _SHOWN else ""
    return f"{start}{before[-_SHOWN:]}{_HERE}{after[:_SHOWN]}{end}"


def _join(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"


def _quote(words: list[str], phrases: Iterable[str]) -> Iterator[str]:
    """The words, with quotes around the phrases; each comes as early as it can."""
    start = 0
    for phrase in phrases:
        inner = phrase.split()
        while words[start : start + len(inner)] != inner and start < len(words):
            yield words[start]
            start += 1
        yield f'"{phrase}"'
        start += len(inner)
    yield from words[start:]
