"""What a person wrote of a photo is kept by every run, whenever that began."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.build import build_index
from indexer.config import IndexConfig
from indexer.models import Models
from indexer.updating.index_writer import IndexWriter
from indexer.updating.ledger import Ledger
from retrieval import SearchEngine
from retrieval.generations.compact import compact_index
from retrieval.generations.human_caption import set_caption, unset_caption
from retrieval.store import schema
from retrieval.store.files import hash_file
from retrieval.store.manifest import ModelRecord, read_manifest
from retrieval.store.schema import StoredCaption
from tests.live_rows import rows_of

RED, GREEN = (200, 10, 20), (11, 210, 21)
RED_CAPTION = "red 200 green 10 blue 20"
MINE = "my grandmother's old barn"


@pytest.fixture
def photo(paint: Callable[[str, tuple[int, int, int]], Path]) -> Path:
    paint("green.png", GREEN)
    return paint("red.png", RED)


@pytest.fixture
def index(photo: Path, tmp_path: Path, captioner: Any, word_encoder: Any) -> Path:
    build_index([photo.parent], tmp_path / "index", Models(captioner, word_encoder))
    return tmp_path / "index"


@pytest.fixture
def red(photo: Path) -> str:
    return hash_file(photo)


@pytest.mark.parametrize("recaption", [False, True])
def test_runs_and_compaction_keep_it(
    index: Path, red: str, photo: Path, captioner: Any, word_encoder: Any, recaption: bool
) -> None:
    set_caption(index, red, MINE, word_encoder)
    build_index([photo.parent], index, Models(captioner, word_encoder), IndexConfig(recaption=recaption))
    compact_index(index)
    row = rows_of(index)[red]
    assert [caption.text for caption in row.captions] == [MINE, RED_CAPTION]
    unset_caption(index, red, word_encoder)
    np.testing.assert_array_equal(rows_of(index)[red].caption_vector, word_encoder.encode([RED_CAPTION])[0])
    assert [hit.caption for hit in SearchEngine.open(index, word_encoder).search(RED_CAPTION, k=1)] == [
        RED_CAPTION
    ]


@pytest.mark.parametrize("undone", [False, True])
def test_a_run_that_had_begun_keeps_it(
    index: Path, red: str, photo: Path, other_captioner: Any, word_encoder: Any, undone: bool
) -> None:
    record = ModelRecord(other_captioner.name, other_captioner.weights_sha256)
    writer = IndexWriter(index, read_manifest(index), record, shard_rows=10)
    again = dataclasses.replace(rows_of(index)[red], captions=(StoredCaption("another model's words"),))
    writer.add(again)
    writer.suspend()
    set_caption(index, red, MINE, word_encoder)
    if undone:
        unset_caption(index, red, word_encoder)
    assert read_manifest(index).unfinished is not None
    build_index([photo.parent], index, Models(other_captioner, word_encoder), IndexConfig(recaption=True))
    expected = ["another model's words"] if undone else [MINE, "another model's words"]
    assert [caption.text for caption in rows_of(index)[red].captions] == expected


def test_of_photos_that_nobody_captioned_no_caption_is_looked_at(
    index: Path, red: str, word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_caption(index, red, MINE, word_encoder)
    made: list[str] = []
    real = schema.StoredCaption
    monkeypatch.setattr(schema, "StoredCaption", lambda text, *facts: made.append(text) or real(text, *facts))
    ledger = Ledger.read(index, read_manifest(index), "c" * 64)
    assert made == [MINE, RED_CAPTION]
    assert len(ledger.before) == 2
    assert [caption.text for caption in ledger.human_captions(red)] == [MINE]
