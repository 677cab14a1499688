"""Every text is a query or is refused at a character, and a query that is written out is read as the same."""

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from retrieval.query.filters import Field, Filter
from retrieval.query.query_language import Query, QueryError, parse_query, parse_where

# Pieces of the language, put together in ways that make sense and in others.
_CHARACTERS = "-−–\":“”„«»<>=.,'\t\n \x00\u200b\ufeff"
_WORDS = ("a", "dog", "É", "10", "--", "-dog", '"red car"', "a-b", "it's", "x:y", "😀", 'א"ב', "ג")
_FIELDS = (
    "camera:",
    "CAMERA:canon",
    "taken:2019",
    "taken:2019-05..",
    "width:>3000",
    'path:"my x"',
    "tag\uff1ax",
)
_TEXTS = st.lists(st.sampled_from((*_CHARACTERS, *_WORDS, *_FIELDS)), max_size=12).map("".join) | st.text()


def read(parse: Callable[[str], Query], text: str) -> Query | QueryError:
    try:
        return parse(text)
    except QueryError as error:
        return error


@given(_TEXTS)
@example("\ud800 -\ud800")
@example('-"0:"')
def test_every_text_is_a_query_or_is_refused_at_a_character(text: str) -> None:
    query = read(parse_query, text)
    if isinstance(query, QueryError):
        assert 0 <= query.position <= len(text)
        assert f"(at character {query.position + 1}: " in str(query)
    else:
        assert query.text or query.is_strict
        assert parse_query(str(query)) == query


@given(_TEXTS)
def test_filters_are_the_same_language_without_words(text: str) -> None:
    where = read(parse_where, text)
    if isinstance(where, QueryError):
        assert 0 <= where.position <= len(text)
    elif text.strip():
        assert where == parse_query(text)
        assert where.text == " ".join(where.phrases)
    else:
        assert where == Query()


_WORD = st.from_regex(r"[a-z0-9]{1,8}(['-][a-z]{1,4})?", fullmatch=True)
_PHRASE = st.lists(_WORD, min_size=1, max_size=4).map(" ".join)
_FILTER = st.one_of(
    st.builds(Filter, st.sampled_from([Field.CAMERA, Field.PATH, Field.TAG]), _PHRASE, st.booleans()),
    st.builds(
        lambda field, low, more, negated: Filter(field, f"{low}..{low + more}", negated),
        st.sampled_from([Field.WIDTH, Field.HEIGHT]),
        st.integers(0, 10_000),
        st.integers(0, 10_000),
        st.booleans(),
    ),
    st.builds(
        lambda date, sign, negated: Filter(Field.TAKEN, sign + date.isoformat(), negated),
        st.dates(),
        st.sampled_from(["", ">", ">=", "<", "<="]),
        st.booleans(),
    ),
)
_PARTS = st.lists(
    st.tuples(st.just("word"), _WORD)
    | st.tuples(st.just("phrase"), _PHRASE)
    | st.tuples(st.just("excluded"), _PHRASE)
    | st.tuples(st.just("filter"), _FILTER),
    min_size=1,
    max_size=8,
)


@given(_PARTS)
def test_what_is_put_into_a_query_is_what_is_read(parts: list[tuple[str, str | Filter]]) -> None:
    written = {"word": "{}", "phrase": '"{}"', "excluded": '-"{}"', "filter": "{}"}
    query = parse_query(" ".join(written[kind].format(value) for kind, value in parts))
    assert query == Query(
        text=" ".join(str(value) for kind, value in parts if kind in ("word", "phrase")),
        phrases=tuple(value for kind, value in parts if kind == "phrase"),
        excluded=tuple(value for kind, value in parts if kind == "excluded"),
        filters=tuple(value for kind, value in parts if kind == "filter"),
    )
    assert parse_query(str(query)) == query
