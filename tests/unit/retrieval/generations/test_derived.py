"""What came since the derived files were made is found as if they had been made anew."""

import dataclasses
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from retrieval.channels import approximate_index, channel_vectors
from retrieval.errors import IndexFormatError, UsageError
from retrieval.generations.commit import commit_next
from retrieval.generations.derived import build_derived, update_derived
from retrieval.generations.human_caption import set_caption, unset_caption
from retrieval.generations.inventory import list_files
from retrieval.search.engine import SearchEngine
from retrieval.store import shards
from retrieval.store.failures import list_failures
from retrieval.store.manifest import Manifest, ShardRecord, VectorsWish, read_manifest
from retrieval.store.schema import PhotoRow, Status
from retrieval.store.shards import read_shard, shard_path, shard_schema, write_shard
from tests.unit.retrieval.conftest import IMAGE_DIMENSION, commit_rows, make_photo

WHO, WHAT, WHERE = ("dog", "cat", "boy", "girl"), ("runs", "sleeps", "jumps"), ("snow", "water", "grass")
PHOTOS = 1280
QUERIES = [
    "a dog runs in the snow",
    "Rex",
    "the water",
    'a dog -grass "in the snow"',
    "-runs",
    "caption:human",
]
KINDS = ["flat", "ivf_pq", "hnsw"]


def caption(number: int) -> str:
    return f"a {WHO[number % 4]} {WHAT[number % 3]} in the {WHERE[number % 7 % 3]} {number}"


def image(number: int) -> np.ndarray:
    vector_D = np.random.default_rng(number).standard_normal(IMAGE_DIMENSION)
    return (vector_D / np.linalg.norm(vector_D)).astype(np.float32)


def photo(number: int, encoder: Any, **columns: Any) -> PhotoRow:
    row = make_photo(f"{number}", caption(number))
    vectors = {"caption_vector": encoder.encode([caption(number)])[0], "image_vector": image(number)}
    return dataclasses.replace(row, **(vectors | columns))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, word_encoder: Any) -> Callable[[str], Path]:
    """An index whose vectors are of that kind, for nobody to change."""

    @cache
    def make(kind: str) -> Path:
        path = tmp_path_factory.mktemp("made") / kind
        rows = [make_photo(f"{number}", caption(number)) for number in range(PHOTOS)]
        commit_rows(path, rows, word_encoder, np.stack([image(number) for number in range(PHOTOS)]))
        make_anew(path, vectors_wish=VectorsWish(kind))
        return path

    return make


@pytest.fixture
def index(request: pytest.FixtureRequest, tmp_path: Path, made: Callable[[str], Path]) -> Path:
    """Of the kind that `request` names; flat where it names none."""
    return Path(shutil.copytree(made(getattr(request, "param", "flat")), tmp_path / "index"))


def make_anew(index: Path, **changes: Any) -> Manifest:
    return commit_next(index, build_derived(index, dataclasses.replace(read_manifest(index), **changes)))


def add(index: Path, rows: list[PhotoRow], **changes: Any) -> Manifest:
    before = read_manifest(index)
    shard = write_shard(index, rows, shard_schema(before))
    manifest = dataclasses.replace(before, shards=(*before.shards, shard), **changes)
    return commit_next(index, update_derived(index, before, manifest))


def change(index: Path, encoder: Any) -> Manifest:
    """Photos come, go, go and come back, and get captions that people wrote, one of which is taken back."""
    ids = [photo(number, encoder).image_id for number in range(PHOTOS)]
    add(index, [photo(number, encoder) for number in range(PHOTOS, PHOTOS + 5)])
    add(index, [PhotoRow(ids[number], (), Status.DELETED) for number in (3, 8, 9)])
    set_caption(index, ids[20], "Rex in our old barn", encoder)
    set_caption(index, ids[21], "Rex again", encoder)
    unset_caption(index, ids[21], encoder)
    add(index, [photo(8, encoder), PhotoRow("0" * 64, (b"/x.jpg",), Status.FAILED, "decode")])
    return add(index, [photo(30, encoder, image_vector=None)])


def ask(engine: SearchEngine, query: str, channel: str | None) -> dict[str, float]:
    hits = engine.search(query, PHOTOS + 10, channel, fold=False)
    return {hit.image_id: hit.score for hit in hits}


@pytest.mark.parametrize("index", KINDS, indirect=True)
def test_what_is_new_is_found_as_if_all_had_been_made_anew(index: Path, word_encoder: Any) -> None:
    before = read_manifest(index)
    manifest = change(index, word_encoder)
    assert (manifest.vectors, manifest.lexical) == (before.vectors, before.lexical)
    assert (manifest.photos, manifest.failed, manifest.recent_rows) == (PHOTOS + 5 - 2, 1, 14)
    asked = [(query, channel) for query in QUERIES for channel in ("caption", "image", "lexical", None)]
    engine = SearchEngine.open(index, word_encoder, "cpu")
    found = [ask(engine, *each) for each in asked]
    anew = make_anew(index)
    assert (anew.photos, anew.failed, anew.recent_rows) == (manifest.photos, manifest.failed, 0)
    assert anew.vectors != before.vectors
    engine = SearchEngine.open(index, word_encoder, "cpu")
    for (query, channel), answer in zip(asked, found, strict=True):
        expected = ask(engine, query, channel)
        # How rare a word is, is counted over the photos that are gone, too.
        tolerance = 1e-6 if channel in ("caption", "image") else 0.02
        assert answer == pytest.approx(expected, abs=tolerance), (query, channel)
        if channel in ("caption", "image"):
            assert list(answer) == list(expected), (query, channel)


@pytest.mark.parametrize("index", KINDS, indirect=True)
def test_new_and_changed_photos_come_up_and_those_that_are_gone_do_not(
    index: Path, word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approximate_index, "NARROW_ROWS", 10)
    monkeypatch.setattr(approximate_index, "_NARROW_SHARE", 0)
    change(index, word_encoder)
    engine = SearchEngine.open(index, word_encoder, "cpu")
    ids = [photo(number, word_encoder).image_id for number in range(PHOTOS + 5)]
    assert engine.photos == PHOTOS + 5 - 2
    for number in range(PHOTOS, PHOTOS + 5):
        assert next(iter(engine.search(caption(number), 1, "caption"))).image_id == ids[number]
        assert next(iter(engine.similar(ids[number], 3))).image_id != ids[number]
    assert [hit.caption for hit in engine.search("Rex", 1, "lexical")] == ["Rex in our old barn"]
    assert [hit.caption for hit in engine.search("caption:human", 5)] == ["Rex in our old barn"]
    assert engine.explain("Rex", ids[20]).channels["lexical"].rank == 1
    for query in (caption(3), caption(9), f"{caption(3)} -cat"):
        found = {hit.image_id for hit in engine.search(query, 30, fold=False)}
        assert len(found) == 30
        assert not found & {ids[3], ids[9]}
    with pytest.raises(UsageError, match="found no photo"):
        engine.similar(ids[3])
    images = {hit.image_id for hit in engine.search("a dog", PHOTOS, "image")}
    assert ids[PHOTOS] in images
    assert ids[30] not in images


def test_an_index_without_any_photo_left_answers_nothing(index: Path, word_encoder: Any) -> None:
    ids = [photo(number, word_encoder).image_id for number in range(PHOTOS)]
    add(index, [PhotoRow(image_id, (), Status.DELETED) for image_id in ids[1:]])
    assert add(index, [PhotoRow(ids[0], (), Status.DELETED)]).recent_rows == 1
    engine = SearchEngine.open(index, word_encoder, "cpu")
    for channel in (None, "caption", "image", "lexical"):
        for query in ("a dog", "a dog -cat", '"a dog"', "a dog width:>100"):
            assert engine.search(query, 5, channel) == []


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])])
@pytest.mark.parametrize("folder", ["vectors", "lexical"])
def test_what_is_missing_or_cut_short_is_made_anew(
    index: Path, word_encoder: Any, folder: str, damage: Any
) -> None:
    for path in (index / folder).iterdir():
        damage(path)
    manifest = set_caption(index, photo(5, word_encoder).image_id, "Rex", word_encoder)
    assert manifest.recent_rows == 0
    assert [file for file in list_files(index, manifest) if file.find_damage()] == []
    assert ask(SearchEngine.open(index, word_encoder, "cpu"), "Rex", "lexical") != {}


def test_where_a_shard_of_other_photos_is_damaged_no_edit_is_committed(
    index: Path, word_encoder: Any
) -> None:
    """The generation before may have their rows in files that are whole, and that a commit removes."""
    added = photo(PHOTOS, word_encoder)
    manifest = add(index, [added])
    path = shard_path(index, manifest.shards[0].sha256)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IndexFormatError, match="is damaged"):
        set_caption(index, added.image_id, "Rex", word_encoder)
    assert read_manifest(index) == manifest


def test_recent_shards_are_read_once(index: Path, word_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        add(index, [photo(PHOTOS + number, word_encoder)])
    recent = {shard.sha256 for shard in read_manifest(index).recent_shards}
    assert len(recent) == 4
    read: list[str] = []

    def note(index: Path, shard: ShardRecord, columns: list[str] | None = None) -> Any:
        read.append(shard.sha256)
        return read_shard(index, shard, columns)

    monkeypatch.setattr(shards, "read_shard", note)
    monkeypatch.setattr(channel_vectors, "read_shard", note)
    SearchEngine.open(index, word_encoder, "cpu")
    # Once with all others for what is shown, and once for what is searched.
    assert sorted(each for each in read if each in recent) == sorted([*recent, *recent])


def test_photos_are_sorted_once_to_be_counted(
    index: Path, word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sorted_ids: list[int] = []
    real = pc.sort_indices
    monkeypatch.setattr(pc, "sort_indices", lambda ids: sorted_ids.append(len(ids)) or real(ids))
    failed = PhotoRow("0" * 64, (b"/x.jpg",), Status.FAILED, "decode")
    manifest = add(index, [photo(PHOTOS, word_encoder), failed])
    assert (manifest.photos, manifest.failed) == (PHOTOS + 1, 1)
    assert sorted_ids == [PHOTOS + 2]


def test_files_that_failed_are_counted_and_not_what_is_in_them(index: Path, word_encoder: Any) -> None:
    paths = (b"/x.jpg", b"/y.jpg", b"/z.jpg")
    failed = PhotoRow("0" * 64, paths, Status.FAILED, "decode")
    other = PhotoRow("1" * 64, (b"/other.jpg",), Status.FAILED, "decode")
    add(index, [photo(PHOTOS, word_encoder), failed])
    manifest = add(index, [other])
    assert manifest.failed == len(list_failures(index, manifest)) == 4
    assert build_derived(index, manifest).failed == 4


@pytest.mark.parametrize("rows", [20, 21])
def test_when_more_than_a_little_is_new_all_is_made_anew(index: Path, word_encoder: Any, rows: int) -> None:
    before = read_manifest(index)
    manifest = add(index, [photo(number, word_encoder) for number in range(PHOTOS, PHOTOS + rows)])
    assert (manifest.vectors == before.vectors) is (rows == PHOTOS // 64)
    assert manifest.recent_rows == (rows if rows == PHOTOS // 64 else 0)
    assert manifest.photos == PHOTOS + rows


def test_other_wishes_and_changed_shards_make_all_anew(index: Path, word_encoder: Any) -> None:
    before = add(index, [photo(PHOTOS, word_encoder)])
    assert before.recent_rows == 1
    wished = add(index, [photo(PHOTOS + 1, word_encoder)], vectors_wish=VectorsWish("ivf_sq8"))
    assert wished.recent_rows == 0
    assert {record.kind for record in wished.vectors} == {"ivf_sq8"}
    other = dataclasses.replace(wished, shards=wished.shards[1:])
    assert update_derived(index, wished, other).recent_rows == 0
