"""What a person writes of a photo: seen by the next search, and taken back."""

import dataclasses
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval import LiveEngine, SearchEngine
from retrieval.errors import EncoderMismatchError, IndexBusyError, IndexNotFoundError, UsageError
from retrieval.generations.commit import commit_next
from retrieval.generations.compact import compact_index
from retrieval.generations.derived import build_derived
from retrieval.generations.human_caption import clean_caption, set_caption, unset_caption
from retrieval.generations.verify import verify_index
from retrieval.store import shards
from retrieval.store.lock import writer_lock
from retrieval.store.manifest import (
    Manifest,
    ModelRecord,
    ShardRecord,
    UnfinishedRun,
    commit_manifest,
    read_current_line,
    read_manifest,
)
from retrieval.store.schema import (
    PhotoRow,
    Provenance,
    Status,
    StoredAttention,
    StoredCaption,
    photo_schema,
)
from retrieval.store.shards import (
    name_captioner,
    read_captioner,
    shard_schema,
    write_shard,
)
from retrieval.text.probes import make_probes
from tests.live_rows import iterate_live_rows, rows_of

CAPTIONER, OTHER = ModelRecord("captioner", "c" * 64), ModelRecord("another", "d" * 64)
RED, GREEN = "red 200 green 10 blue 20", "red 11 green 210 blue 21"
MINE = "my grandmother's old barn"
# Where the captioner looked at each of its words.
LOOKED = np.array([[255, 153], [102, 0]], dtype=np.uint8)


def make_row(text: str, word_encoder: Any) -> PhotoRow:
    words = tuple(text.split())
    return PhotoRow(
        image_id=find_id(text),
        paths=(f"/photos/{text}.png".encode(),),
        status=Status.INDEXED,
        bytes=1000,
        width=40,
        height=30,
        taken=datetime(2020, 2, 3),
        camera="a camera",
        captions=(StoredCaption(text, -1.5),),
        attention=StoredAttention(words, np.stack([LOOKED] * len(words))),
        caption_vector=word_encoder.encode([text])[0],
    )


@pytest.fixture
def index(tmp_path: Path, word_encoder: Any) -> Path:
    """A red photo and a green one in a shard of a captioner's, who says how red, green and blue they are."""
    index = tmp_path / "index"
    schema = name_captioner(photo_schema(word_encoder.dimension), CAPTIONER)
    manifest = Manifest(
        generation=1,
        captioner=CAPTIONER,
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        caption_dimension=word_encoder.dimension,
        shards=(write_shard(index, [make_row(text, word_encoder) for text in (GREEN, RED)], schema),),
        probes=make_probes(word_encoder),
    )
    commit_manifest(index, build_derived(index, manifest))
    return index


def find_id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def red() -> str:
    return find_id(RED)


def write_row(index: Path, row: PhotoRow, captioner: ModelRecord = CAPTIONER) -> ShardRecord:
    return write_shard(index, [row], name_captioner(shard_schema(read_manifest(index)), captioner))


def test_the_caption_is_the_first_and_its_vector_the_photos(index: Path, red: str, word_encoder: Any) -> None:
    before = rows_of(index)[red]
    manifest = set_caption(index, red, f"  {MINE}\n", word_encoder)
    assert manifest == read_manifest(index)
    assert manifest.generation == 2
    row = rows_of(index)[red]
    np.testing.assert_array_equal(row.caption_vector, word_encoder.encode([MINE])[0])
    assert row.captions == (StoredCaption(MINE, None, Provenance.HUMAN), *before.captions)
    for name in ("paths", "bytes", "width", "height", "taken", "camera"):
        assert getattr(row, name) == getattr(before, name)
    assert row.attention.words == before.attention.words
    assert not verify_index(index).damaged


def test_the_next_search_finds_it(index: Path, red: str, word_encoder: Any) -> None:
    live = LiveEngine(index, word_encoder)
    (hit,) = live.engine.search(MINE, k=1)
    assert (hit.score < 0.5, hit.provenance) == (True, "model")
    assert live.opened is live.engine
    set_caption(index, red, MINE, word_encoder)
    assert live.opened is None
    (hit,) = live.engine.search(MINE, k=1)
    assert live.opened is live.engine
    assert (hit.image_id, hit.caption, hit.provenance) == (red, MINE, "human")
    assert hit.channels["caption"].score == pytest.approx(1, abs=1e-6)
    assert [hit.image_id for hit in live.engine.search("", where="caption:human")] == [red]


def test_the_index_may_be_named_by_a_text(index: Path, red: str, word_encoder: Any) -> None:
    set_caption(str(index), red, MINE, word_encoder)
    assert unset_caption(str(index), red, word_encoder) == read_manifest(index)


def test_an_index_that_another_text_encoder_made_anew_is_followed(
    index: Path, word_encoder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    live, given = LiveEngine(index), LiveEngine(index, word_encoder)
    encoder = ModelRecord("another", "e" * 64)
    commit_manifest(index, dataclasses.replace(read_manifest(index), generation=2, text_encoder=encoder))
    assert live.engine.generation == 2
    assert caplog.messages == []
    assert given.engine.generation == 1
    assert "generation 1 goes on answering" in caplog.text


def test_undone_it_is_as_the_captioner_left_it(index: Path, red: str, word_encoder: Any) -> None:
    before = rows_of(index)[red]
    set_caption(index, red, "first thought", word_encoder)
    set_caption(index, red, MINE, word_encoder)
    assert [caption.text for caption in rows_of(index)[red].captions] == [MINE, RED]
    unset_caption(index, red, word_encoder)
    row = rows_of(index)[red]
    assert row.captions == before.captions
    np.testing.assert_array_equal(row.caption_vector, before.caption_vector)
    with pytest.raises(UsageError, match=r"no person's caption .* nothing to undo"):
        unset_caption(index, red, word_encoder)


def test_undone_the_vector_is_that_of_all_the_captioners_sentences(
    index: Path, red: str, word_encoder: Any
) -> None:
    sentences = ["a red wall", "something red", "a barn"]
    # However the captioner weighs them.
    mean_D = np.array([0.7, 0.2, 0.1]) @ word_encoder.encode(sentences)
    row = dataclasses.replace(
        rows_of(index)[red],
        captions=tuple(map(StoredCaption, sentences)),
        caption_vector=mean_D / np.linalg.norm(mean_D),
    )
    manifest = read_manifest(index)
    added = dataclasses.replace(manifest, shards=(*manifest.shards, write_row(index, row)))
    commit_next(index, build_derived(index, added))
    for text in ("first thought", MINE):
        set_caption(index, red, text, word_encoder)
        np.testing.assert_array_equal(rows_of(index)[red].caption_vector, word_encoder.encode([text])[0])
        compact_index(index)
    unset_caption(index, red, word_encoder)
    np.testing.assert_array_equal(rows_of(index)[red].caption_vector, row.caption_vector.astype(np.float32))
    assert rows_of(index)[red].captioner_vector is None
    assert rows_of(index)[red].captions == row.captions


def test_of_other_photos_only_their_ids_are_read(
    index: Path, red: str, word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    real = shards.read_shard
    monkeypatch.setattr(shards, "read_shard", lambda *asked: read.append(asked[2:]) or real(*asked))
    set_caption(index, find_id(GREEN), MINE, word_encoder)
    read.clear()
    set_caption(index, red, MINE, word_encoder)
    # The shard of the other photo's caption, then the one that holds this photo.
    assert read[:3] == [(["image_id"],), (["image_id"],), ()]
    assert () not in read[3:]


def test_an_index_of_before_keeps_the_captioners_vector_too(index: Path, red: str, word_encoder: Any) -> None:
    def write_as_before(manifest: Manifest) -> None:
        rows = [row for _, row in iterate_live_rows(index, manifest)]
        schema = shard_schema(manifest)
        older = schema.remove(schema.get_field_index("captioner_vector"))
        shard = write_shard(index, rows, older)
        manifest = dataclasses.replace(manifest, generation=manifest.generation + 1, shards=(shard,))
        commit_manifest(index, build_derived(index, manifest))

    before = rows_of(index)[red]
    write_as_before(read_manifest(index))
    set_caption(index, red, MINE, word_encoder)
    np.testing.assert_array_equal(rows_of(index)[red].captioner_vector, before.caption_vector)
    # One that a person had captioned by then has the mean of the captioner's sentences.
    write_as_before(read_manifest(index))
    assert rows_of(index)[red].captioner_vector is None
    unset_caption(index, red, word_encoder)
    np.testing.assert_allclose(rows_of(index)[red].caption_vector, before.caption_vector, atol=1e-6)


def test_its_shards_say_who_captioned_what_it_stands_before(index: Path, red: str, word_encoder: Any) -> None:
    run = UnfinishedRun(OTHER, (write_row(index, rows_of(index)[red], OTHER),))
    commit_next(index, dataclasses.replace(read_manifest(index), unfinished=run))
    manifest = set_caption(index, red, MINE, word_encoder)
    assert manifest.unfinished is not None
    said = [read_captioner(index, shard) for shard in (*manifest.shards, *manifest.unfinished.shards)]
    assert said == [CAPTIONER, CAPTIONER, OTHER, OTHER]


def test_what_the_captioner_looked_at_is_not_drawn_over_a_persons_words(
    index: Path, red: str, word_encoder: Any
) -> None:
    words = SearchEngine.open(index, word_encoder).explain("a red wall", red).words
    assert [word.word for word in words if word.matched] == ["red"]
    assert words[0].attention_RC.tolist() == [[1, pytest.approx(0.6)], [pytest.approx(0.4), 0]]
    set_caption(index, red, MINE, word_encoder)
    words = SearchEngine.open(index, word_encoder).explain("an old barn", red).words
    assert [word.word for word in words if word.matched] == ["old", "barn"]
    assert [word.attention_RC for word in words] == [None] * 4


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("\u05e9\u05dc\u05d5\u05dd\u200f!", "\u05e9\u05dc\u05d5\u05dd!"),
        ("\u202b\u05e9\u05dc\u05d5\u05dd\u202c", "\u05e9\u05dc\u05d5\u05dd"),
        ("\ufeffa dog\u2060 \u200e", "a dog"),
        ("Segel\u00adboot", "Segelboot"),
        # Joiners and marks between what is seen are of it, and what parts Khmer words stays.
        ("👩\u200d👧 ❤\ufe0f", "👩\u200d👧 ❤\ufe0f"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        (
            "\u1786\u17d2\u1780\u17c2\u200b\u1781\u17d2\u1798\u17c5",
            "\u1786\u17d2\u1780\u17c2\u200b\u1781\u17d2\u1798\u17c5",
        ),
    ],
)
def test_marks_that_nobody_sees_are_left_out_of_a_caption(text: str, caption: str) -> None:
    assert clean_caption(text) == caption


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "\u200b",
        "\u200b \u200f",
        "\u2060",
        "\u00ad",
        "\ufe0f",
        "\u200d",
        "x" * 1001,
        "bell \x07",
        "\ud800",
    ],
)
def test_what_is_no_caption_is_refused(index: Path, red: str, word_encoder: Any, text: str) -> None:
    before = read_current_line(index)
    with pytest.raises(UsageError, match="caption"):
        set_caption(index, red, text, word_encoder)
    assert read_current_line(index) == before


def test_what_is_refused_changes_nothing(
    index: Path, red: str, tmp_path: Path, word_encoder: Any, other_word_encoder: Any
) -> None:
    before = read_current_line(index)
    with pytest.raises(UsageError, match="found no photo"):
        set_caption(index, "0" * 64, MINE, word_encoder)
    with pytest.raises(EncoderMismatchError):
        set_caption(index, red, MINE, other_word_encoder)
    with pytest.raises(IndexBusyError), writer_lock(index):
        set_caption(index, red, MINE, word_encoder)
    assert read_current_line(index) == before
    with pytest.raises(IndexNotFoundError):
        set_caption(tmp_path / "nowhere", red, MINE, word_encoder)
    assert not (tmp_path / "nowhere").exists()
