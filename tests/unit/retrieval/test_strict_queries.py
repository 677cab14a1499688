"""Filters, phrases and words to leave out hold in every channel, however near the other photos are."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from retrieval import SearchEngine
from retrieval.errors import UsageError
from retrieval.query.query_language import Query, QueryError, parse_query
from retrieval.store.manifest import Manifest, commit_manifest, read_manifest
from retrieval.text.text_encoder import TextEncoder

NAMES = {
    "beach": (("a dog runs on the beach", "an animal near the sea"), {"camera": "Canon EOS 5D"}),
    "dogs": (("a beach", "two Dogs on sand"), {"camera": "NIKON D70", "taken": datetime(2019, 7, 1, 12)}),
    "sea": (
        ("people on the beach",),
        {"taken": datetime(2021, 12, 31, 23, 59, 59), "width": 4000, "height": 3000},
    ),
    "car": (("a red car on the beach",), {"taken": datetime(2022, 1, 1), "tags": ("Sports Car", "beach")}),
    "cars": (("red cars near the beach",), {"camera": "CANON", "taken": datetime(2019, 1, 1)}),
    "Holiday/cat": (("a dog on the beach",), {"human": "my cat on the beach", "tags": ("espresso",)}),
    "holiday/sign": (("the beach, a car as red as fire",), {"tags": ("red car",)}),
}
ALL = set(NAMES)


@pytest.fixture
def engine(open_engine: Callable[..., SearchEngine], photo: Callable[..., Any]) -> SearchEngine:
    return open_engine([photo(name, *captions, **columns) for name, (captions, columns) in NAMES.items()])


def names(hits: Any) -> list[str]:
    return [hit.path.removeprefix("/photos/").removesuffix(".jpg") for hit in hits]


EXPECTED = [
    ("beach -dog", ALL - {"beach", "dogs"}),
    ("beach -DOGS", ALL - {"beach", "dogs"}),
    ("beach -cat", ALL - {"Holiday/cat"}),
    ('"on the beach"', {"beach", "sea", "car", "Holiday/cat"}),
    ("beach -espresso", ALL - {"Holiday/cat"}),  # Tags count as captions do.
    ('"red car"', {"car", "holiday/sign"}),
    ('"RED  cars"', {"cars"}),
    ('beach -"red car"', ALL - {"car", "cars", "holiday/sign"}),
    ('"on the beach" -red', {"beach", "sea", "Holiday/cat"}),
    ("beach taken:2019..2021", {"dogs", "sea", "cars"}),
    ("beach taken:2019-07-01", {"dogs"}),
    ("beach taken:>2021", {"car"}),
    ("beach -taken:2019", ALL - {"dogs", "cars"}),
    ("beach camera:canon", {"beach", "cars"}),
    ('beach camera:"canon eos"', {"beach"}),
    ("beach -camera:canon", ALL - {"beach", "cars"}),
    ("beach path:holiday", {"Holiday/cat", "holiday/sign"}),
    ("beach path:/photos/car", {"car", "cars"}),
    ("beach width:>3000", {"sea"}),
    ("beach height:300", ALL - {"sea"}),
    ("beach tag:espresso", {"Holiday/cat"}),
    ('beach tag:"sports car"', {"car"}),
    ("beach tag:car", set()),
    ("beach caption:human", {"Holiday/cat"}),
    ("beach caption:model path:holiday", {"holiday/sign"}),
    ("beach camera:canon -dog taken:2019", {"cars"}),
]


@pytest.mark.parametrize(("query", "expected"), EXPECTED)
def test_the_allowed_photos_come_and_no_others(engine: SearchEngine, query: str, expected: set[str]) -> None:
    # "beach" is in every caption, so that every channel would answer with every photo.
    assert engine.channels == ("caption", "image", "lexical")
    for channel in (None, *engine.channels):
        hits = engine.search(query, k=10, channel=channel)
        assert set(names(hits)) == expected, channel
        assert [hit.rank for hit in hits] == list(range(1, len(expected) + 1))
        assert (hits.allowed, hits.photos) == (len(expected), len(ALL))
        ranking = engine.rank([parse_query(query)], channel=channel)
        ranked = ranking.photos_QK[0][ranking.photos_QK[0] >= 0]
        assert [ranking.image_ids[number] for number in ranked] == [hit.image_id for hit in hits]


ACUTE = "\N{COMBINING ACUTE ACCENT}"
LETTERS = {
    b"caf\xff\xfe": ("नमस्ते दुनिया", {"camera": f"Cafe{ACUTE} 5D", "tags": (f"Cafe{ACUTE}",)}),
    f"cafe{ACUTE}".encode(): ("ชายหาดที่สวยงาม ทะเล", {}),
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}".encode(): ("שָׁלוֹם עוֹלָם", {}),
    b"plain": ("a beach", {}),
    b"park": ("公園で犬が走る", {"tags": ("Dogの公園",)}),
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"नमस्ते"', [0]),
        ('"नमस्ते दुनिया"', [0]),
        ('"नमस"', []),
        ('"ชายหาดที่สวยงาม"', [1]),
        ('"ทะเล"', [1]),
        ('"שָׁלוֹם"', [2]),
        ('"שָׁלוֹם עוֹלָם"', [2]),
        ('-"नमस्ते"', [1, 2, 3, 4]),
        ('"สวยงาม"', [1]),
        ("-สวยงาม", [0, 2, 3, 4]),
        ('"犬"', [4]),
        ('"dogの"', [4]),
        ('"猫"', []),
        ("-犬", [0, 1, 2, 3]),
        ("path:\udcff", [0]),
        ("-path:\udcff", [1, 2, 3, 4]),
        ("path:caf\N{LATIN SMALL LETTER E WITH ACUTE}", [1, 2]),
        (f"path:cafe{ACUTE}", [1, 2]),
        ("camera:\udcff", []),
        ("camera:CAF\N{LATIN CAPITAL LETTER E WITH ACUTE}", [0]),
        ("tag:\udcff", []),
        ("tag:caf\N{LATIN SMALL LETTER E WITH ACUTE}", [0]),
    ],
)
def test_letters_of_any_script_and_bytes_that_are_none(
    open_engine: Callable[..., SearchEngine], photo: Callable[..., Any], query: str, expected: list[int]
) -> None:
    rows = [
        dataclasses.replace(photo(f"{number}", caption, **columns), paths=(b"/photos/" + path,))
        for number, (path, (caption, columns)) in enumerate(LETTERS.items())
    ]
    places = {row.image_id: number for number, row in enumerate(rows)}
    assert sorted(places[hit.image_id] for hit in open_engine(rows).search(query)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tag:ΟΔΟΣ", ["greek"]),
        ("tag:οδος", ["greek"]),
        ("tag:STRASSE", ["german"]),
        ('tag:"sports car"', ["car"]),
        ('tag:"Sports  car"', ["car"]),
        ("tag:sports", []),
        ("camera:İX", ["greek"]),
        ("camera:straße", ["german"]),
        ('camera:"eos 5d"', ["car"]),
        ("-camera:eos", ["greek", "german", "plain"]),
    ],
)
def test_tags_and_cameras_whatever_their_case_and_spaces(
    open_engine: Callable[..., SearchEngine], photo: Callable[..., Any], query: str, expected: list[str]
) -> None:
    kept = {
        "greek": {"camera": "İX", "tags": ("ΟΔΟΣ", "road")},
        "german": {"camera": "STRASSE 1", "tags": ("Straße", "straße")},
        "car": {"camera": "Canon EOS  5D", "tags": ("Sports  Car",)},
        "plain": {},
    }
    engine = open_engine([photo(name, "a road", **columns) for name, columns in kept.items()])
    assert sorted(names(engine.search(query))) == sorted(expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"dogs"', ["home"]),
        ('"sunset beach"', ["beach"]),
        ('"beach at"', ["home", "beach"]),
        ('"beach a"', []),
    ],
)
def test_an_emoji_is_between_words(
    open_engine: Callable[..., SearchEngine], photo: Callable[..., Any], query: str, expected: list[str]
) -> None:
    texts = {
        "home": "\u2764\ufe0fdogs from the beach \u2600\ufe0fat home",
        "beach": "sunset \u2600\ufe0f beach at night \u2764\ufe0f",
    }
    engine = open_engine([photo(name, text) for name, text in texts.items()])
    assert sorted(names(engine.search(query))) == sorted(expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("-man", ["mango", "park"]),
        ("-men", ["mango", "park"]),
        ('-"tall man"', ["one", "mango", "park"]),
        ("-child", ["one", "many", "mango"]),
        ('"man"', ["one"]),
        ('"men"', ["many"]),
    ],
)
def test_one_and_many_are_left_out_together_but_a_phrase_is_what_was_typed(
    open_engine: Callable[..., SearchEngine], photo: Callable[..., Any], query: str, expected: list[str]
) -> None:
    texts = {"one": "a man", "many": "two tall men", "mango": "a mango", "park": "children play"}
    engine = open_engine([photo(name, text) for name, text in texts.items()])
    assert sorted(names(engine.search(query))) == sorted(expected)


def test_a_phrase_may_have_as_many_words_as_a_query(
    open_engine: Callable[..., SearchEngine], photo: Callable[..., Any]
) -> None:
    words = " ".join(["a", "b"] * 1900)
    engine = open_engine([photo("long", f"so {words.replace(' ', ', ')}!"), photo("short", words[:-2])])
    assert names(engine.search(f'"{words}"')) == ["long"]


def test_without_conditions_all_photos_come(engine: SearchEngine) -> None:
    assert set(names(engine.search("beach"))) == ALL


def test_ranks_and_scores_are_those_within_what_is_allowed(engine: SearchEngine) -> None:
    everywhere = {hit.image_id: hit for hit in engine.search("red beach", k=10)}
    within = engine.search("red beach -dog -cat", k=10)
    assert [hit.image_id for hit in within] == [
        id for id in everywhere if id in {hit.image_id for hit in within}
    ]
    for hit in within:
        assert hit.score == everywhere[hit.image_id].score
    assert sorted(hit.channels["image"].rank for hit in within) == list(range(1, len(within) + 1))


def test_filters_may_be_apart_from_the_query(engine: SearchEngine) -> None:
    apart = engine.search("beach -dog", where='camera:canon "red cars"')
    assert names(apart) == ["cars"]
    assert engine.search("beach", where=" ") == engine.search("beach")
    with pytest.raises(QueryError, match="found the word 'dog' among filters"):
        engine.search("beach", where="camera:canon dog")


def test_queries_with_conditions_and_without_are_answered_together(engine: SearchEngine) -> None:
    queries = ["beach", "red -dog", "a dog", "camera:canon", "red -dog"]
    for where in (None, "path:holiday"):
        for query, together in zip(queries, engine.search_many(queries, where=where), strict=True):
            alone = engine.search(query, where=where)
            assert names(together) == names(alone)
            scores = [hit.score for hit in alone]
            np.testing.assert_allclose([hit.score for hit in together], scores, atol=1e-6)


def test_without_words_the_newest_photo_is_the_first(engine: SearchEngine) -> None:
    hits = engine.search("width:>0")
    assert names(hits)[:4] == ["car", "sea", "dogs", "cars"]
    undated = [hit.image_id for hit in hits[4:]]
    assert undated == sorted(undated)
    assert {(hit.score, tuple(hit.channels), hit.matched) for hit in hits} == {(0.0, (), ())}
    assert names(engine.search("-dog", k=2)) == ["car", "sea"]
    assert names(engine.search("", where="taken:2019")) == ["dogs", "cars"]
    assert names(engine.search("taken:2019", channel="image")) == ["dogs", "cars"]
    with pytest.raises(UsageError, match="no channel 'smell'"):
        engine.search("taken:2019", channel="smell")


class RowEncoder:
    """A program's own encoder: of no texts there is nothing to stack."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.name, self.weights_sha256, self.dimension = (
            encoder.name,
            encoder.weights_sha256,
            encoder.dimension,
        )
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self._encoder.encode([text])[0] for text in texts])


def test_without_words_no_text_encoder_is_asked(
    engine: SearchEngine, tmp_path: Any, word_encoder: Any
) -> None:
    own = SearchEngine.open(tmp_path / "index", RowEncoder(word_encoder))
    assert own.search("taken:2019") == engine.search("taken:2019")
    assert own.search_many([]) == []
    assert own.rank([]).image_ids == engine.rank([]).image_ids


def test_a_sentence_is_searched_as_it_is_where_it_is_no_query(engine: SearchEngine) -> None:
    sentence = 'a "dog" -beach'
    assert set(names(engine.search(Query(sentence)))) == ALL
    assert (engine.rank([sentence]).photos_QK >= 0).all()
    assert (engine.rank([parse_query(sentence)]).photos_QK == -1).all()
    with pytest.raises(UsageError, match="empty query"):
        engine.rank([" "])


def test_k_come_back_wherever_k_are_allowed(
    open_engine: Callable[..., SearchEngine], photo: Callable[..., Any]
) -> None:
    """Also those that no channel has among its first thousand."""
    rows = [
        photo(f"{number}", "beach", camera="rare" if number % 100 == 7 else "common")
        for number in range(1500)
    ]
    vectors_ND = np.random.default_rng(0).standard_normal((1500, 48)).astype(np.float32)
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    engine = open_engine(rows, vectors_ND)
    for channel in (None, *engine.channels):
        assert len(engine.search("beach camera:rare", k=15, channel=channel, fold=False)) == 15
        assert len(engine.search("beach camera:common", k=1100, channel=channel, fold=False)) == 1100


def test_an_index_without_words_says_so(engine: SearchEngine, tmp_path: Any, word_encoder: Any) -> None:
    manifest = read_manifest(tmp_path / "index")
    fields = {name: getattr(manifest, name) for name in Manifest.__slots__} | {
        "generation": 2,
        "lexical": None,
    }
    commit_manifest(tmp_path / "index", Manifest(**fields))
    older = SearchEngine.open(tmp_path / "index", word_encoder)
    assert names(older.search("beach camera:nikon")) == ["dogs"]
    for query in ("beach -dog", '"red car"'):
        with pytest.raises(UsageError, match=r"without the words of its captions, .* run `retrieve index`"):
            older.search(query)
