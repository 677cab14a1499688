import dataclasses
import errno
import os
import shutil
from pathlib import Path

import pytest

from retrieval.channels.vector_index import vectors_path
from retrieval.errors import IndexFormatError, IndexNotFoundError, NewerFormatError, UnreadableError
from retrieval.generations.inventory import list_files
from retrieval.generations.repair import repair_index
from retrieval.generations.verify import verify_index
from retrieval.store.files import hash_file
from retrieval.store.manifest import (
    commit_manifest,
    list_generations,
    manifest_path,
    read_generation,
    read_manifest,
)
from retrieval.store.schema import PhotoRow, Status
from retrieval.store.sealed_file import write_sealed
from retrieval.store.shards import shard_path, shard_schema, write_shard
from tests.unit.retrieval.generations.conftest import spoil

OLD = {f"/photos/{number}.jpg".encode(): f"old photo {number}" for number in range(4)}
NEW = {**OLD, b"/photos/new.jpg": "a new photo"}


@pytest.fixture
def index(tmp_path, make_index, word_encoder):
    """Two generations; the first shard is in both."""
    make_index(tmp_path / "index", OLD, word_encoder)
    make_index(tmp_path / "index", NEW, word_encoder, generation=2)
    return tmp_path / "index"


def test_whole_index_is_left_alone(index):
    report = repair_index(index)
    assert (report.generation, report.photos_before, report.photos, report.actions) == (2, 5, 5, ())
    assert list_generations(index) == [1, 2]
    assert not (index / "quarantine").exists()


def test_every_file_of_both_generations_is_read_once_and_told_of(index, monkeypatch):
    told, read = [], []
    monkeypatch.setattr(
        "retrieval.generations.inventory.hash_file", lambda path: read.append(path) or hash_file(path)
    )
    repair_index(index, lambda *each: told.append(each))
    named = [file.path for each in (1, 2) for file in list_files(index, read_generation(index, each))]
    assert sorted(read) == sorted(set(named))
    assert len(read) < len(named)
    assert told == [("Checking files", done, len(read)) for done in range(len(read) + 1)]


@pytest.mark.parametrize("lose", [spoil, lambda path: path.unlink()])
def test_derived_files_are_made_again(index, captions, lose):
    before = read_manifest(index)
    lose(vectors_path(index, before.vectors[0]))
    report = repair_index(index)
    assert report.actions[-3:] == (
        "made the derived files again from the shards",
        "moved manifests/00000002.json, which is damaged, to quarantine/",
        "committed generation 3 with 5 photos",
    )
    assert read_manifest(index).vectors == before.vectors
    assert captions() == sorted(NEW.values())
    assert verify_index(index).damaged == ()


def test_damaged_shard_of_the_newest_generation_falls_back_to_the_one_before(index, captions):
    first, *_, last = (shard_path(index, shard.sha256) for shard in read_manifest(index).shards)
    spoil(last)
    report = repair_index(index)
    assert (report.generation, report.photos_before, report.photos) == (3, 5, 4)
    assert report.actions[:2] == (
        f"moved shards/{last.name}, which is damaged, to quarantine/",
        "fell back from generation 2 to 1, which is whole; run `retrieve index` to add what came since",
    )
    assert (index / "quarantine" / last.name).exists()
    assert captions() == sorted(OLD.values())
    assert verify_index(index).damaged == ()
    assert first.exists()


def test_damaged_shard_of_both_generations_is_left_out(index, captions):
    first = read_manifest(index).shards[0]
    spoil(shard_path(index, first.sha256))
    report = repair_index(index)
    assert (report.photos_before, report.photos) == (5, 2)
    assert any(action.startswith("left out 1 damaged shards with 3 rows; run `") for action in report.actions)
    assert captions() == ["a new photo", "old photo 3"]
    assert verify_index(index).damaged == ()


@pytest.fixture
def fail_to_read(index, monkeypatch):
    """Has the index's file of this name fail with an error of this number."""

    def fail_to_read(name, number):
        def fail(read):
            def read_or_fail(path):
                if path == index / name:
                    raise OSError(number, os.strerror(number))
                return read(path)

            return read_or_fail

        monkeypatch.setattr("retrieval.generations.inventory.hash_file", fail(hash_file))
        monkeypatch.setattr(Path, "read_bytes", fail(Path.read_bytes))

    return fail_to_read


@pytest.mark.parametrize("number", [errno.EHOSTDOWN, errno.ESTALE, errno.EACCES])
@pytest.mark.parametrize("file", ["shard", "manifests/00000001.json", "SEEN"])
def test_file_that_may_be_read_another_time_ends_the_repair_and_nothing_is_moved(
    index, captions, fail_to_read, monkeypatch, file, number
):
    first, *_, last = (f"shards/{shard.sha256}.parquet" for shard in read_manifest(index).shards)
    write_sealed(index / "SEEN", b"whole")
    spoil(index / last)
    files = sorted(path for path in index.rglob("*") if path.name != "LOCK")
    name = first if file == "shard" else file
    fail_to_read(name, number)
    found = f"^found {index / name}, which cannot be read .{os.strerror(number)}., expected "
    with pytest.raises(UnreadableError, match=found):
        repair_index(index)
    assert sorted(path for path in index.rglob("*") if path.name != "LOCK") == files
    monkeypatch.undo()
    assert repair_index(index).photos == 4
    assert captions() == sorted(OLD.values())


@pytest.mark.parametrize("file", ["shard", "manifests/00000001.json", "SEEN"])
def test_file_on_a_broken_part_of_the_disk_is_damaged(index, fail_to_read, file):
    write_sealed(index / "SEEN", b"whole")
    name = f"shards/{read_manifest(index).shards[-1].sha256}.parquet" if file == "shard" else file
    fail_to_read(name, errno.EIO)
    assert repair_index(index).actions[0] == f"moved {name}, which is damaged, to quarantine/"


@pytest.mark.parametrize(
    ("stage", "stop"),
    [
        ("repair.build_derived", KeyboardInterrupt()),
        ("commit.commit_manifest", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))),
        ("repair.collect_garbage", KeyboardInterrupt()),
    ],
)
@pytest.mark.parametrize("generations", [1, 2])
def test_repair_that_is_cut_short_is_done_by_the_next(
    index, make_index, word_encoder, captions, monkeypatch, generations, stage, stop
):
    def fail(*_):
        raise stop

    if generations == 1:
        shutil.rmtree(index)
        make_index(index, NEW, word_encoder)
    spoil(shard_path(index, read_manifest(index).shards[0].sha256))
    with monkeypatch.context() as patch:
        patch.setattr(f"retrieval.generations.{stage}", fail)
        with pytest.raises(type(stop)):
            repair_index(index)
    assert repair_index(index).photos == 2
    assert captions() == ["a new photo", "old photo 3"]
    assert verify_index(index).damaged == ()


@pytest.mark.parametrize("lose", [spoil, lambda path: path.unlink()])
def test_that_there_was_a_generation_is_known_until_another_is_committed(index, monkeypatch, lose):
    """Its manifest is all that says so, torn as it is."""

    def fail(*_):
        raise KeyboardInterrupt

    lose(index / "CURRENT")
    spoil(manifest_path(index, 2))
    with monkeypatch.context() as patch:
        patch.setattr("retrieval.generations.commit.commit_manifest", fail)
        with pytest.raises(KeyboardInterrupt):
            repair_index(index)
    assert list_generations(index) == [1, 2]
    assert repair_index(index).generation == 3
    assert list_generations(index) == [1, 3]
    assert verify_index(index).damaged == ()


@pytest.mark.parametrize("lose", [spoil, lambda path: path.unlink()])
@pytest.mark.parametrize("name", ["CURRENT", "manifest"])
def test_lost_current_and_manifest(index, captions, name, lose):
    lose(index / "CURRENT" if name == "CURRENT" else manifest_path(index, 2))
    with pytest.raises(IndexFormatError, match=r"run `retrieve repair`"):
        read_manifest(index)
    report = repair_index(index)
    assert report.actions[-1].startswith("committed generation 3 with ")
    assert captions() == sorted(NEW.values() if name == "CURRENT" else OLD.values())
    assert verify_index(index).damaged == ()


def test_manifest_of_a_run_that_was_killed_before_it_was_current_is_no_generation(index, captions):
    before, current = read_manifest(index), (index / "CURRENT").read_bytes()
    shard = write_shard(index, [PhotoRow("f" * 64, (), Status.DELETED)], shard_schema(before), "later")
    commit_manifest(index, dataclasses.replace(before, generation=3, shards=(*before.shards, shard)))
    (index / "CURRENT").write_bytes(current)
    spoil(vectors_path(index, before.vectors[0]))
    report = repair_index(index)
    assert (report.generation, list_generations(index)) == (3, [1, 3])
    assert read_manifest(index).shards == before.shards
    assert captions() == sorted(NEW.values())
    assert verify_index(index).damaged == ()


def test_index_without_a_whole_manifest_is_refused(index):
    for generation in (1, 2):
        spoil(manifest_path(index, generation))
    with pytest.raises(IndexFormatError, match=r"^found no manifest in .* that is whole"):
        repair_index(index)


def test_index_whose_first_commit_was_cut_short_and_damaged_is_refused(index):
    for path in (index / "CURRENT", manifest_path(index, 2)):
        path.unlink()
    spoil(manifest_path(index, 1))
    with pytest.raises(IndexFormatError, match=r"^found no manifest in .* that is whole"):
        repair_index(index)


def test_no_index_and_a_newer_one_are_refused(index, tmp_path, monkeypatch):
    with pytest.raises(IndexNotFoundError):
        repair_index(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    monkeypatch.setattr("retrieval.store.manifest.FORMAT_VERSION", 0)
    files = sorted(index.rglob("*"))
    with pytest.raises(NewerFormatError, match=r"update this program"):
        repair_index(index)
    assert [path for path in sorted(index.rglob("*")) if path.name != "LOCK"] == files


def test_lost_notes_on_files_are_put_aside(index):
    (index / "SEEN").write_bytes(b"damaged")
    assert [damage.path for damage in verify_index(index).damaged] == ["SEEN"]
    assert repair_index(index).actions == ("moved SEEN, which is damaged, to quarantine/",)
    assert verify_index(index).damaged == ()


def test_fast_verification_sees_sizes_alone(index):
    path = shard_path(index, read_manifest(index).shards[0].sha256)
    spoil(path)
    assert verify_index(index, fast=True).damaged == ()
    [damage] = verify_index(index).damaged
    assert damage.path == f"shards/{path.name}"
    assert damage.problem.startswith("found SHA-256 ")
    path.write_bytes(b"short")
    [damage] = verify_index(index, fast=True).damaged
    assert damage.problem.startswith("found 5 bytes, expected ")
    shutil.rmtree(index / "shards")
    assert len(verify_index(index, fast=True).damaged) == len(read_manifest(index).shards) + 1
