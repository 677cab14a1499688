import ast
import dataclasses
import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retrieval.errors import IndexFormatError, UnreadableError
from retrieval.store.manifest import Manifest, ModelRecord, ShardRecord
from retrieval.store.schema import VECTOR_COLUMNS, PhotoRow, Status, StoredCaption, photo_schema
from retrieval.store.shards import (
    find_shard,
    name_captioner,
    newest_with_status,
    read_captioner,
    read_columns,
    read_rows,
    read_shard,
    shard_path,
    write_shard,
)
from tests.live_rows import iterate_live_rows
from tests.people import PEOPLE

SCHEMA = photo_schema(4)


def row(image_id: str, status: Status = Status.INDEXED, caption: str = "a dog") -> PhotoRow:
    vector = np.array([0, 0.6, 0, 0.8], dtype=np.float32) if status is Status.INDEXED else None
    captions = (StoredCaption(caption, -1.5),) if status is Status.INDEXED else ()
    return PhotoRow(image_id, (b"/photos/\xff.jpg",), status, captions=captions, caption_vector=vector)


def manifest_of(shards: list[ShardRecord]) -> Manifest:
    return Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=ModelRecord("e", "0" * 64),
        caption_dimension=4,
        shards=tuple(shards),
    )


def test_shard_is_named_by_its_hash_and_holds_the_rows(tmp_path):
    record = write_shard(tmp_path, [row("a"), row("b", Status.FAILED)], SCHEMA)
    path = tmp_path / "shards" / f"{record.sha256}.parquet"
    data = path.read_bytes()
    assert (hashlib.sha256(data).hexdigest(), len(data), 2) == (record.sha256, record.bytes, record.rows)
    first, second = read_rows(tmp_path, record)
    assert (first.image_id, first.paths, first.status) == ("a", (b"/photos/\xff.jpg",), Status.INDEXED)
    assert first.captions == (StoredCaption("a dog", -1.5),)
    np.testing.assert_array_equal(first.caption_vector, np.array([0, 0.6, 0, 0.8], dtype=np.float32))
    assert (second.status, second.caption_vector) == (Status.FAILED, None)


def test_shard_says_who_captioned_it_and_an_older_one_does_not(tmp_path):
    captioner = ModelRecord("caf\u00e9", "c" * 64)
    record = write_shard(tmp_path, [row("a")], name_captioner(SCHEMA, captioner))
    assert read_captioner(tmp_path, record) == captioner
    assert read_captioner(tmp_path, write_shard(tmp_path, [row("a")], SCHEMA)) is None
    # What is read together need not be of one captioner.
    both = [record, write_shard(tmp_path, [row("b")], SCHEMA)]
    assert read_columns(tmp_path, both, ["image_id"])["image_id"].to_pylist() == ["a", "b"]


def test_shards_are_read_together_whether_the_model_of_their_vectors_was_known_or_not(tmp_path):
    seen = dataclasses.replace(row("a"), image_vector=np.array([0.6, 0.8], dtype=np.float32))
    shards = [write_shard(tmp_path, [seen, row("b")], photo_schema(4, size)) for size in (0, 2)]
    for both in (shards, shards[::-1]):
        vectors = read_columns(tmp_path, both, ["image_vector"])["image_vector"]
        assert vectors.is_valid().to_pylist() == [True, False, True, False]
        np.testing.assert_array_equal(
            vectors.combine_chunks().drop_null().flatten().to_numpy(), np.float32([0.6, 0.8] * 2)
        )


@pytest.mark.parametrize("said", ['{"name": "c"}', "\xff", ""])
def test_shard_that_says_nonsense_of_its_captioner_says_nothing(tmp_path, said):
    record = write_shard(tmp_path, [row("a")], SCHEMA.with_metadata({"captioner": said.encode("latin-1")}))
    assert read_captioner(tmp_path, record) is None


def test_shard_without_rows(tmp_path):
    record = write_shard(tmp_path, [], SCHEMA)
    assert record.rows == 0
    assert read_rows(tmp_path, record) == []


def test_any_parquet_reader_opens_it_and_its_pages_are_compressed_with_zstd(tmp_path):
    record = write_shard(tmp_path, [row("a")], SCHEMA)
    file = pq.ParquetFile(shard_path(tmp_path, record.sha256))
    assert file.schema_arrow.names == SCHEMA.names
    assert {file.metadata.row_group(0).column(n).compression for n in range(3)} == {"ZSTD"}


def test_pages_carry_checksums(tmp_path):
    rows = [row(f"{number:064x}") for number in range(500)]
    record = write_shard(tmp_path, rows, SCHEMA)
    path = shard_path(tmp_path, record.sha256)
    data = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset
    data[start + 200] ^= 1
    path.write_bytes(data)
    with pytest.raises(OSError, match="CRC checksum"):
        pq.read_table(path, page_checksum_verification=True)


def test_file_is_durable_when_write_shard_returns(tmp_path, monkeypatch):
    log = []
    fsync = os.fsync

    def logged_fsync(descriptor):
        log.append(os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), tmp_path))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    write_shard(tmp_path, [row("a")], SCHEMA)
    assert log == [".", f"shards/.new.parquet.{os.getpid()}.tmp", "shards"]


def test_chosen_columns_are_read_alone(tmp_path):
    record = write_shard(tmp_path, [row("a")], SCHEMA)
    assert read_shard(tmp_path, record, ["status", "image_id"]).column_names == ["status", "image_id"]
    (only,) = read_rows(tmp_path, record, ["image_id", "paths", "status"])
    assert (only.image_id, only.captions, only.caption_vector) == ("a", (), None)


def test_a_column_that_a_shard_lacks_is_named(tmp_path):
    record = write_shard(tmp_path, [row("a")], SCHEMA)
    with pytest.raises(IndexFormatError, match=r"\.parquet has no column moods, smell; index again"):
        read_shard(tmp_path, record, ["status", "smell", "moods"])


def test_damaged_and_missing_shards_are_refused(tmp_path):
    record = write_shard(tmp_path, [row("a")], SCHEMA)
    path = shard_path(tmp_path, record.sha256)
    data = path.read_bytes()
    for position in range(0, len(data), 101):
        damaged = bytearray(data)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(IndexFormatError, match=f"{record.sha256}.parquet is damaged"):
            read_shard(tmp_path, record)
    path.write_bytes(data[:-1])
    with pytest.raises(IndexFormatError, match="is damaged"):
        read_shard(tmp_path, record)
    path.unlink()
    with pytest.raises(IndexFormatError, match="found no"):
        read_shard(tmp_path, record)


def test_other_rows_than_the_manifest_says_are_refused(tmp_path):
    record = write_shard(tmp_path, [row("a")], SCHEMA)
    with pytest.raises(IndexFormatError, match="has 1 rows, expected 2"):
        read_shard(tmp_path, ShardRecord(record.sha256, record.bytes, 2))


def test_bytes_with_the_right_hash_that_are_no_parquet_are_refused(tmp_path):
    data = b"PAR1 this is no parquet PAR1"
    sha256 = hashlib.sha256(data).hexdigest()
    (tmp_path / "shards").mkdir()
    shard_path(tmp_path, sha256).write_bytes(data)
    with pytest.raises(IndexFormatError, match="not a readable shard"):
        read_shard(tmp_path, ShardRecord(sha256, len(data), 1))


def test_shard_that_no_manifest_names_is_found_lost_or_out_of_reach(tmp_path, monkeypatch):
    def fail(_path):
        raise errors.pop()

    record = write_shard(tmp_path, [row("a")], SCHEMA)
    path = shard_path(tmp_path, record.sha256)
    found = find_shard(path)
    assert (found.sha256, found.bytes, found.rows) == (record.sha256, record.bytes, 1)
    data = b"PAR1 this is no parquet PAR1"
    other = path.with_name(f"{hashlib.sha256(data).hexdigest()}.parquet")
    other.write_bytes(data)
    assert find_shard(other) is None
    errors = [OSError(number, os.strerror(number)) for number in (errno.EHOSTDOWN, errno.EIO)]
    monkeypatch.setattr(Path, "read_bytes", fail)
    assert find_shard(path) is None
    with pytest.raises(UnreadableError, match="Host is down"):
        find_shard(path)


def test_newest_rows_supersede_and_tombstones_remove(tmp_path):
    shards = [
        write_shard(tmp_path, [row("a", caption="old"), row("b"), row("c")], SCHEMA),
        write_shard(tmp_path, [row("a", caption="new"), row("b", Status.DELETED)], SCHEMA),
        write_shard(tmp_path, [row("d", Status.FAILED), row("b", caption="back")], SCHEMA),
        write_shard(tmp_path, [row("c", Status.DELETED)], SCHEMA),
    ]
    manifest = manifest_of(shards)
    table = read_columns(tmp_path, manifest.shards, ["image_id", "status"])
    assert newest_with_status(table, Status.INDEXED).tolist() == [3, 6]
    assert newest_with_status(table, Status.FAILED, Status.DELETED).tolist() == [7, 5]
    live = [(position, found.image_id) for position, found in iterate_live_rows(tmp_path, manifest)]
    assert live == [(3, "a"), (5, "d"), (6, "b")]


def test_no_shards_have_no_rows(tmp_path):
    assert list(iterate_live_rows(tmp_path, manifest_of([]))) == []


def test_nobody_outside_names_a_column_of_vectors():
    root = Path(__file__).parents[4]
    files = [*root.glob("indexer/**/*.py"), *root.glob("eval/**/*.py")]
    named = [
        f"{file.name}: {node.value}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in VECTOR_COLUMNS.values()
    ]
    assert files
    assert named == []


@pytest.mark.parametrize("error", [MemoryError, pa.ArrowMemoryError])
def test_a_shard_for_which_there_is_no_memory_is_not_called_damaged(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error("malloc of size 4294967296 failed")

    record = write_shard(tmp_path, [row("a")], SCHEMA)
    monkeypatch.setattr(pq.ParquetFile, "read", fail)
    monkeypatch.setattr(pq, "read_metadata", fail)
    with pytest.raises(MemoryError, match="malloc"):
        read_shard(tmp_path, record)
    with pytest.raises(MemoryError, match="malloc"):
        find_shard(shard_path(tmp_path, record.sha256))
