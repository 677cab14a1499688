"""What is no plain sentence, and indexes that lack a channel: all are answered, or told why."""

import dataclasses
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval import SearchEngine
from retrieval.command.main import run
from retrieval.errors import UsageError
from retrieval.generations.derived import build_derived
from retrieval.store.manifest import commit_manifest, read_manifest
from retrieval.text.text_encoder import load_text_encoder

CAPTIONS = {
    "log": "a dog jumps over a log",
    "sofa": "a cat sleeps on a sofa",
    "hill": "a red car on a hill",
    "café": "people drink coffee in a café",
}


@pytest.fixture
def engine(open_engine: Callable[..., SearchEngine], photo: Callable[..., Any]) -> SearchEngine:
    """All channels, one caption a photo."""
    return open_engine([photo(name, caption) for name, caption in CAPTIONS.items()])


@pytest.fixture(scope="module")
def text_encoder() -> Any:
    return load_text_encoder()


def score(engine: SearchEngine, query: str, channel: str | None = None) -> dict[str, float]:
    return {hit.path: hit.score for hit in engine.search(query, 10, channel, fold=False)}


def test_a_query_whose_words_occur_nowhere_gets_the_vectors_answer(engine: SearchEngine) -> None:
    assert engine.search("zeppelin qwertz", 10, "lexical") == []
    hits = engine.search("zeppelin qwertz", 10, fold=False)
    assert len(hits) == len(CAPTIONS)
    assert all(set(hit.channels) == {"caption", "image"} for hit in hits)
    expected = {
        path: 0.1 * caption + image
        for (path, caption), image in zip(
            sorted(score(engine, "zeppelin qwertz", "caption").items()),
            (each for _, each in sorted(score(engine, "zeppelin qwertz", "image").items())),
            strict=True,
        )
    }
    assert {hit.path: hit.score for hit in hits} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        ("A DOG JUMPS OVER A LOG", "a dog jumps over a log"),
        ("a dog, jumps: over... a log!?", "a dog jumps over a log"),
        ("¿dog? (jumps) log;", "dog jumps log"),
    ],
)
def test_words_count_the_same_in_capitals_and_among_punctuation(
    engine: SearchEngine, query: str, plain: str
) -> None:
    best, expected = engine.search(query, 10, "lexical")[0], engine.search(plain, 10, "lexical")[0]
    assert (best.image_id, best.score) == (expected.image_id, pytest.approx(expected.score))
    assert best.caption == CAPTIONS["log"]


@pytest.mark.parametrize(
    "query", ["🐶", "🐶🪵 dog log 🏔️", "?!", "...", "犬", "\u200b", "a\x00dog", "' OR 1=1; --"]
)
def test_emoji_punctuation_and_stranger_things_are_answered_by_every_vector_channel(
    engine: SearchEngine, query: str
) -> None:
    for channel in (None, "caption", "image"):
        found = score(engine, query, channel)
        assert len(found) == len(CAPTIONS)
        assert np.isfinite(list(found.values())).all()


def test_a_thousand_words_are_answered_and_the_words_still_count(engine: SearchEngine) -> None:
    started = time.perf_counter()
    hits = engine.search(" ".join(["nothing of this kind"] * 249 + ["a cat on a sofa"]), fold=False)
    assert time.perf_counter() - started < 5
    assert [
        hit.caption for hit in hits if "lexical" in hit.channels and hit.channels["lexical"].rank == 1
    ] == [CAPTIONS["sofa"]]


def test_the_real_encoder_takes_them_too(
    tmp_path: Path, text_encoder: Any, make_index: Callable[..., Any]
) -> None:
    make_index(tmp_path, {f"/{name}".encode(): text for name, text in CAPTIONS.items()}, text_encoder)
    engine = SearchEngine.open(tmp_path, text_encoder)
    stranger = ("🐶 a dog jumps over a log", "a dog jumps over a log \udcff", "a dog jumps over a log " * 167)
    for query in ("A DOG JUMPS OVER A LOG!!!", *stranger):
        assert engine.search(query)[0].caption == CAPTIONS["log"]
    assert score(engine, "A CAT!") == pytest.approx(score(engine, "a cat !"), abs=1e-6)


def test_an_index_without_image_vectors_says_which_channels_it_has(
    engine: SearchEngine, tmp_path: Path, word_encoder: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "index"
    assert list_channels(index, capsys) == ["caption", "image", "lexical"]
    assert ask_info(index, capsys)["image_head"]["name"] == "head"
    manifest = dataclasses.replace(read_manifest(index), image_head=None, generation=2)
    commit_manifest(index, build_derived(index, manifest))
    assert list_channels(index, capsys) == ["caption", "lexical"]
    assert ask_info(index, capsys)["image_head"] is None
    without = SearchEngine.open(index, word_encoder)
    assert without.channels == ("caption", "lexical")
    assert without.search("a cat on a sofa")[0].caption == CAPTIONS["sofa"]
    with pytest.raises(
        UsageError, match="no channel 'image' in this index, expected one of: caption, lexical"
    ):
        without.search("a cat", channel="image")


def list_channels(index: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What `retrieve info` names, the same to programs and to people."""
    document = ask_info(index, capsys)
    assert run(["info", "--index", str(index)]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("channels"))
    named = re.findall(r"(\w+): kind ", line)
    assert named == list(document["channels"])
    return named


def ask_info(index: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run(["info", "--json", "--index", str(index)]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document
