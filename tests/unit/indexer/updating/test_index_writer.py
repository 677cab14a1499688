"""An image head comes and goes with the vectors that readers see, and every shard says who captioned it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from indexer.updating.current_index import first_manifest
from indexer.updating.index_writer import IndexWriter
from retrieval.channel import Channel
from retrieval.generations.repair import repair_index
from retrieval.generations.verify import verify_index
from retrieval.search.engine import SearchEngine
from retrieval.store.manifest import ModelRecord, read_manifest
from retrieval.store.schema import PhotoRow, Status, StoredCaption
from retrieval.store.shards import read_captioner, read_rows
from retrieval.text.text_head import head_path, write_text_head
from tests.text_head import make_text_head

ALL_CHANNELS = (Channel.CAPTION, Channel.IMAGE, Channel.LEXICAL)
CAPTIONER = ModelRecord("captioner with head", "c" * 64)
DIMENSION = 5


@pytest.fixture
def head(word_encoder: Any) -> Any:
    text = make_text_head(word_encoder, DIMENSION)
    return SimpleNamespace(
        dimension=DIMENSION, leave=lambda index: write_text_head(index, text, "head", "d" * 64)
    )


@pytest.fixture
def index(tmp_path: Path, make_index: Any, word_encoder: Any) -> Path:
    make_index(tmp_path, {b"/%d.jpg" % number: f"photo {number}" for number in range(3)}, word_encoder)
    return tmp_path


def describe_again(index: Path, writer: IndexWriter, text_encoder: Any) -> None:
    for number, image_id in enumerate(SearchEngine.open(index, text_encoder, "cpu").rank(["a"]).image_ids):
        writer.add(
            PhotoRow(
                image_id,
                (b"/%d.jpg" % number,),
                Status.INDEXED,
                captions=(StoredCaption("new"),),
                caption_vector=text_encoder.encode(["new"])[0],
                image_vector=np.eye(DIMENSION, dtype=np.float32)[number],
            )
        )


def test_readers_see_a_head_with_its_vectors_and_not_before(
    index: Path, head: Any, word_encoder: Any
) -> None:
    writer = IndexWriter(index, read_manifest(index), CAPTIONER, 1, head)
    describe_again(index, writer, word_encoder)
    kept = read_manifest(index)
    assert kept.unfinished is not None
    assert len(kept.unfinished.shards) == 3
    assert kept.image_head is None
    assert SearchEngine.open(index, word_encoder, "cpu").channels == (Channel.CAPTION,)
    assert writer.commit().image_head is not None
    assert SearchEngine.open(index, word_encoder, "cpu").channels == ALL_CHANNELS
    assert verify_index(index).damaged == ()


def test_a_run_writes_the_head_once_however_often_it_publishes(
    index: Path, head: Any, word_encoder: Any
) -> None:
    writer = IndexWriter(index, read_manifest(index), CAPTIONER, 10, head)
    describe_again(index, writer, word_encoder)
    record = writer.commit().image_head
    assert record is not None
    again = IndexWriter(index, read_manifest(index), CAPTIONER, 1, head)
    files = []
    for number in range(2):
        again.delete(f"{number}" * 64, ())
        files.append((read_manifest(index).generation, head_path(index, record).stat().st_ino))
    (first, file), (second, same) = files
    assert (second, same) == (first + 1, file)
    assert verify_index(index).damaged == ()


def test_damaged_head_is_left_out_and_put_back_by_the_next_run(
    index: Path, head: Any, word_encoder: Any
) -> None:
    writer = IndexWriter(index, read_manifest(index), CAPTIONER, 10, head)
    describe_again(index, writer, word_encoder)
    record = writer.commit().image_head
    assert record is not None
    # A second generation with the head, so that there is none to fall back to.
    again = IndexWriter(index, read_manifest(index), CAPTIONER, 10, head)
    again.delete("e" * 64, ())
    again.commit()
    head_path(index, record).write_bytes(b"damaged")
    report = repair_index(index)
    assert any(action.startswith("left out the image channel's head; run `") for action in report.actions)
    assert report.photos == 3
    assert verify_index(index).damaged == ()
    channels = SearchEngine.open(index, word_encoder, "cpu").channels
    assert channels == (Channel.CAPTION, Channel.LEXICAL)
    IndexWriter(index, read_manifest(index), CAPTIONER, 10, head).commit()
    assert SearchEngine.open(index, word_encoder, "cpu").channels == ALL_CHANNELS
    assert verify_index(index).damaged == ()


def test_all_that_a_run_adds_moves_and_deletes_is_its_captioners(index: Path, word_encoder: Any) -> None:
    before = read_manifest(index).shards
    writer = IndexWriter(index, read_manifest(index), CAPTIONER, 2)
    describe_again(index, writer, word_encoder)
    image_ids = SearchEngine.open(index, word_encoder, "cpu").rank(["a"]).image_ids
    writer.move({image_ids[0]: (b"/moved.jpg",)}, {})
    writer.delete(image_ids[1], ())
    shards = writer.commit().shards
    assert [read_captioner(index, shard) for shard in shards[len(before) :]] == [CAPTIONER] * 3
    assert sum(shard.rows for shard in shards[len(before) :]) == 5


def test_the_same_weights_by_another_name_are_the_same_captioner(index: Path, word_encoder: Any) -> None:
    writer = IndexWriter(index, read_manifest(index), CAPTIONER, 10)
    describe_again(index, writer, word_encoder)
    writer.commit()
    renamed = ModelRecord("renamed", CAPTIONER.sha256)
    writer = IndexWriter(index, read_manifest(index), renamed, 3)
    describe_again(index, writer, word_encoder)
    assert (read_manifest(index).captioner, read_manifest(index).unfinished) == (renamed, None)
    writer = IndexWriter(index, read_manifest(index), CAPTIONER, 10)
    writer.delete(SearchEngine.open(index, word_encoder, "cpu").rank(["a"]).image_ids[0], ())
    (row,) = read_rows(index, writer.commit().shards[-1])
    assert row.reason == CAPTIONER.sha256


def test_while_the_first_run_is_stopped_every_query_finds_nothing(tmp_path: Path, word_encoder: Any) -> None:
    writer = IndexWriter(tmp_path, first_manifest(CAPTIONER, word_encoder), CAPTIONER, 10)
    vector = word_encoder.encode(["a red car"])[0]
    captions = (StoredCaption("a red car"),)
    writer.add(PhotoRow("a" * 64, (b"/a.jpg",), Status.INDEXED, captions=captions, caption_vector=vector))
    writer.suspend()
    engine = SearchEngine.open(tmp_path, word_encoder, "cpu")
    for query in ("car", "car taken:2019", 'car "red car"', '"red car"', "car -red", "taken:2019 -car"):
        results = engine.search(query)
        assert (results, results.waiting) == ([], 1)
    assert engine.search("car", where='-red "red car"') == []


class Stopped(IndexWriter):
    """It is interrupted where it is about to empty what `stopped_at` names, once."""

    stopped_at = ""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == self.stopped_at and not value:
            super().__setattr__("stopped_at", "")
            raise KeyboardInterrupt
        super().__setattr__(name, value)


@pytest.mark.parametrize("stopped_at", ["_pending", "_unfinished"])
def test_a_writer_that_is_stopped_between_two_lines_keeps_each_shard_once(
    index: Path, word_encoder: Any, stopped_at: str
) -> None:
    writer = Stopped(index, read_manifest(index), CAPTIONER, 10)
    describe_again(index, writer, word_encoder)
    writer.stopped_at = stopped_at
    with pytest.raises(KeyboardInterrupt):
        writer.commit()
    writer.suspend()
    assert read_manifest(index).waiting_rows == (3 if stopped_at == "_pending" else 0)
    shards = IndexWriter(index, read_manifest(index), CAPTIONER, 10).commit().shards
    assert len({shard.sha256 for shard in shards}) == len(shards)
    assert sum(shard.rows for shard in shards) == 6
    assert verify_index(index).damaged == ()
