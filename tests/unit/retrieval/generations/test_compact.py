import dataclasses
from datetime import datetime

import pytest

from retrieval.errors import IndexBusyError, IndexNotFoundError
from retrieval.generations.commit import commit_next
from retrieval.generations.compact import compact_index
from retrieval.generations.derived import build_derived
from retrieval.search.engine import SearchEngine
from retrieval.store import failures
from retrieval.store.failures import Failure, list_failures
from retrieval.store.lock import writer_lock
from retrieval.store.manifest import ModelRecord, UnfinishedRun, list_generations, read_manifest
from retrieval.store.schema import PhotoRow, Provenance, Status, StoredCaption, photo_schema
from retrieval.store.shards import read_captioner, read_rows, write_shard
from tests.live_rows import rows_of

PHOTOS = {f"/photos/{number}.jpg".encode(): f"photo {number}" for number in range(10)}


@pytest.fixture
def index(tmp_path, make_index, word_encoder):
    """Ten photos in shards of three rows."""
    make_index(tmp_path, PHOTOS, word_encoder)
    return tmp_path


def add_rows(index, *rows):
    manifest = read_manifest(index)
    schema = photo_schema(manifest.caption_dimension)
    shard = write_shard(index, list(rows), schema, "2026-11-23T12:00:00+00:00")
    return commit_next(
        index, build_derived(index, dataclasses.replace(manifest, shards=(*manifest.shards, shard)))
    )


def sizes(index):
    return {path: path.stat().st_size for path in index.glob("*/*")}


def all_rows(index):
    return [row for shard in read_manifest(index).shards for row in read_rows(index, shard)]


def answers(index, word_encoder):
    return SearchEngine.open(index, word_encoder, "cpu").search("photo 3", k=20, channel="caption")


def test_small_shards_become_one_and_answers_stay(index, word_encoder):
    before, hits = rows_of(index), answers(index, word_encoder)
    report = compact_index(index)
    assert (report.generation, report.photos) == (2, 10)
    assert (report.shards_before, report.shards, report.rows_before, report.rows) == (4, 1, 10, 10)
    after = rows_of(index)
    assert list(after) == list(before)
    assert [row.captions for row in after.values()] == [row.captions for row in before.values()]
    assert answers(index, word_encoder) == hits
    assert list_generations(index) == [1, 2]


def test_merged_shards_are_of_the_captioner_that_readers_saw(index):
    captioner = ModelRecord("captioner", "c" * 64)
    commit_next(index, dataclasses.replace(read_manifest(index), captioner=captioner))
    compact_index(index, shard_rows=7)
    assert [read_captioner(index, shard) for shard in read_manifest(index).shards] == [captioner] * 2


def test_progress_is_told_of_every_shard(index):
    told = []
    compact_index(index, progress=lambda *each: told.append(each))
    assert told == [(doing, done, 4) for doing in ("Reading shards", "Merging shards") for done in range(5)]


def test_full_shards_stay_as_they_are_and_nothing_to_do_makes_no_generation(index):
    shards = read_manifest(index).shards
    report = compact_index(index, shard_rows=3)
    # The last shard of one row has nothing to be merged with.
    assert (report.generation, report.shards) == (1, 4)
    compact_index(index, shard_rows=4)
    assert compact_index(index, shard_rows=4).generation == 1
    assert read_manifest(index).shards == shards


def test_superseded_rows_and_tombstones_go_and_what_people_wrote_stays(index, word_encoder):
    first, second, third, *_ = rows_of(index)
    people = StoredCaption("mine", None, Provenance.HUMAN)
    add_rows(
        index,
        PhotoRow(first, (), Status.DELETED),
        PhotoRow(second, (), Status.DELETED, captions=(people,)),
        dataclasses.replace(rows_of(index)[third], paths=(b"/moved.jpg",)),
    )
    hits = answers(index, word_encoder)
    report = compact_index(index, shard_rows=3)
    assert (report.rows_before, report.rows, report.photos) == (13, 9, 8)
    kept = {row.image_id: row for row in all_rows(index)}
    assert first not in kept
    assert (kept[second].status, kept[second].captions) == (Status.DELETED, (people,))
    assert kept[third].paths == (b"/moved.jpg",)
    assert answers(index, word_encoder) == hits
    # The index of before is still there for readers, and goes with the next generation.
    assert list_generations(index) == [2, 3]
    add_rows(index, PhotoRow(third, (), Status.DELETED))
    assert list_generations(index) == [3, 4]


def test_bytes_that_are_freed_now_and_later_are_counted_apart(index):
    first, second, *_ = rows_of(index)
    add_rows(index, PhotoRow(first, (), Status.DELETED))
    (index / "shards" / ".killed.tmp").write_bytes(b"7 bytes")
    before = sizes(index)
    report = compact_index(index)
    after = sizes(index)
    # What a killed run left goes, and the generation before the last.
    gone = before.keys() - after.keys()
    assert {path.name for path in gone} > {".killed.tmp", "00000001.json"}
    assert report.freed == sum(before[path] for path in gone)
    # With nothing to merge nothing goes, and as much waits.
    again = compact_index(index)
    assert (again.generation, again.freed, again.freed_later) == (report.generation, 0, report.freed_later)
    add_rows(index, PhotoRow(second, (), Status.DELETED))
    gone = after.keys() - sizes(index).keys()
    assert "00000002.json" in {path.name for path in gone}
    assert report.freed_later == sum(after[path] for path in gone)


def test_failures_stay_as_old_as_they_are(index):
    add_rows(index, PhotoRow("f" * 64, (b"/bad.jpg",), Status.FAILED, reason="truncated: too short"))
    expected = [Failure(b"/bad.jpg", "truncated", "too short", "2026-11-23T12:00:00+00:00")]
    assert list_failures(index, read_manifest(index)) == expected
    compact_index(index)
    assert list_failures(index, read_manifest(index)) == expected
    assert rows_of(index)["f" * 64].failed_at == datetime(2026, 11, 23, 12)


def test_of_photos_that_could_be_read_no_row_is_made(index, monkeypatch):
    good = next(iter(rows_of(index)))
    add_rows(index, PhotoRow("f" * 64, (b"/z.jpg", b"/b.jpg"), Status.FAILED, reason="truncated: too short"))
    add_rows(index, PhotoRow("e" * 64, (b"/a.jpg",), Status.FAILED, reason="gone: at first"))
    add_rows(index, PhotoRow("e" * 64, (b"/c.jpg",), Status.FAILED, reason="crashed"))
    add_rows(index, PhotoRow(good, (b"/d.jpg",), Status.FAILED, reason="timed_out"))
    add_rows(index, PhotoRow(good, (), Status.DELETED))
    made = []
    real = failures.table_to_rows
    monkeypatch.setattr(failures, "table_to_rows", lambda table: made.append(len(table)) or real(table))
    found = [(each.path, each.code, each.reason) for each in list_failures(index, read_manifest(index))]
    truncated = ("truncated", "too short")
    assert found == [(b"/b.jpg", *truncated), (b"/c.jpg", "crashed", ""), (b"/z.jpg", *truncated)]
    assert made == [2]


def test_unfinished_run_is_kept(index):
    manifest = read_manifest(index)
    shard = write_shard(
        index, [PhotoRow("e" * 64, (b"/e.jpg",), Status.DELETED)], photo_schema(manifest.caption_dimension)
    )
    run = UnfinishedRun(manifest.text_encoder, (shard,))
    commit_next(index, dataclasses.replace(manifest, unfinished=run))
    report = compact_index(index)
    assert (report.shards, report.photos) == (1, 10)
    assert read_manifest(index).unfinished == run
    assert [row.image_id for row in read_rows(index, shard)] == ["e" * 64]


def test_index_that_is_being_written_or_is_none_is_refused(index, tmp_path):
    with writer_lock(index), pytest.raises(IndexBusyError):
        compact_index(index)
    with pytest.raises(IndexNotFoundError):
        compact_index(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
