import dataclasses
import json
import os
import shutil
import subprocess
import sys

import pytest

from retrieval.errors import IndexFormatError, IndexNotFoundError, UnreadableError
from retrieval.store.files import hash_bytes
from retrieval.store.manifest import (
    FORMAT_VERSION,
    Manifest,
    ModelRecord,
    ProbeRecord,
    ShardRecord,
    VectorsRecord,
    commit_manifest,
    read_generation,
    read_manifest,
    read_whole,
)

MANIFEST = Manifest(
    generation=7,
    captioner=ModelRecord("attention", "a" * 64),
    text_encoder=ModelRecord("encoder ü", "b" * 64),
    caption_dimension=384,
    photos=2,
    failed=1,
    shards=(ShardRecord("c" * 64, 1000, 3),),
    vectors=(VectorsRecord("caption", "d" * 64, 2000, "flat", 2, 384),),
    probes=(ProbeRecord("a dog", "AAAA"),),
    created="2026-11-23T12:00:00+00:00",
    written_by="retrieve 0.1.0",
)


def replace_manifest(index, data: bytes, generation: int = 7) -> None:
    """Put other bytes in the manifest's place, CURRENT agreeing with them."""
    (index / "manifests" / f"{generation:08d}.json").write_bytes(data)
    (index / "CURRENT").write_text(f"{generation} {hash_bytes(data)}\n")


def test_committed_manifest_is_read_back(tmp_path):
    commit_manifest(tmp_path, MANIFEST)
    assert read_manifest(tmp_path) == MANIFEST
    data = (tmp_path / "manifests" / "00000007.json").read_bytes()
    assert (tmp_path / "CURRENT").read_text() == f"7 {hash_bytes(data)}\n"


def test_same_manifest_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        commit_manifest(tmp_path / name, MANIFEST)
    first, second = ((tmp_path / name / "manifests" / "00000007.json").read_bytes() for name in ("a", "b"))
    assert first == second
    assert list(json.loads(first)) == [*(field.name for field in dataclasses.fields(Manifest)), "sha256"]


def test_manifest_is_durable_before_current_names_it(tmp_path, monkeypatch):
    log = []
    fsync, replace = os.fsync, os.replace
    (tmp_path / "manifests").mkdir()

    def logged_fsync(descriptor):
        log.append(("fsync", os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), tmp_path)))
        fsync(descriptor)

    def logged_replace(source, target):
        log.append(("rename", os.path.relpath(target, tmp_path)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "replace", logged_replace)
    commit_manifest(tmp_path, MANIFEST)
    assert log == [
        ("fsync", f"manifests/.00000007.json.{os.getpid()}.tmp"),
        ("rename", "manifests/00000007.json"),
        ("fsync", "manifests"),
        ("fsync", f".CURRENT.{os.getpid()}.tmp"),
        ("rename", "CURRENT"),
        ("fsync", "."),
    ]


def test_newest_commit_wins_and_the_older_manifest_stays(tmp_path):
    commit_manifest(tmp_path, MANIFEST)
    commit_manifest(tmp_path, dataclasses.replace(MANIFEST, generation=8, photos=5))
    assert read_manifest(tmp_path).photos == 5
    assert (tmp_path / "manifests" / "00000007.json").exists()


def test_commit_interrupted_before_current_leaves_the_older_generation(tmp_path, monkeypatch):
    commit_manifest(tmp_path, MANIFEST)
    replace = os.replace

    def stop_at_current(source, target):
        if os.path.basename(target) == "CURRENT":
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop_at_current)
    with pytest.raises(KeyboardInterrupt):
        commit_manifest(tmp_path, dataclasses.replace(MANIFEST, generation=8))
    assert read_manifest(tmp_path) == MANIFEST


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.touch()])
def test_no_index_is_said_with_what_to_do(tmp_path, make):
    make(tmp_path / "photos")
    with pytest.raises(IndexNotFoundError, match=r"found no index in .*photos.*run `retrieve index"):
        read_manifest(tmp_path / "photos")


@pytest.mark.parametrize(
    "current", [b"", b"7", b"7 abc\n", b"x" * 100, b"7 " + b"a" * 64, b"07 " + b"a" * 64 + b"\n", b"\xff\n"]
)
def test_damaged_current_is_refused(tmp_path, current):
    commit_manifest(tmp_path, MANIFEST)
    (tmp_path / "CURRENT").write_bytes(current)
    with pytest.raises(IndexFormatError, match="CURRENT is damaged"):
        read_manifest(tmp_path)


def test_a_manifest_that_is_gone_is_refused(tmp_path):
    commit_manifest(tmp_path, MANIFEST)
    (tmp_path / "manifests" / "00000007.json").unlink()
    with pytest.raises(IndexFormatError, match="found no"):
        read_manifest(tmp_path)


def test_newer_format_is_refused(tmp_path):
    commit_manifest(tmp_path, MANIFEST)
    newer = {"format_version": FORMAT_VERSION + 1, "generation": 7, "something": "new"}
    replace_manifest(tmp_path, json.dumps(newer).encode())
    with pytest.raises(IndexFormatError, match=f"format version {FORMAT_VERSION + 1}, expected at most"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"null", b'{"format_version": "x"}', b"[" * 100_000, b"\xff\xfe"]
)
def test_what_is_no_manifest_is_refused(tmp_path, data):
    commit_manifest(tmp_path, MANIFEST)
    replace_manifest(tmp_path, data)
    with pytest.raises(IndexFormatError, match="is not a manifest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("shards", [{"sha256": "../../etc/passwd", "bytes": 1, "rows": 1}]), ("photos", -1), ("more", 1)],
)
def test_impossible_value_is_refused(tmp_path, key, value):
    commit_manifest(tmp_path, MANIFEST)
    document = dataclasses.asdict(MANIFEST) | {key: value}
    replace_manifest(tmp_path, json.dumps(document).encode())
    with pytest.raises(IndexFormatError, match=f"is not a manifest: {key}"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("said", [{}, {"captioner": None}])
def test_manifest_that_does_not_say_who_captioned_is_refused(tmp_path, said):
    commit_manifest(tmp_path, MANIFEST)
    document = dataclasses.asdict(MANIFEST)
    del document["captioner"]
    replace_manifest(tmp_path, json.dumps(document | said).encode())
    with pytest.raises(
        IndexFormatError, match=r"00000007\.json is not a manifest: captioner.*; index again$"
    ):
        read_manifest(tmp_path)


def test_manifest_that_could_not_be_read_back_is_never_committed(tmp_path):
    commit_manifest(tmp_path, MANIFEST)
    wrong = dataclasses.replace(MANIFEST, generation=8, text_encoder=ModelRecord("x", "no hash"))
    with pytest.raises(IndexFormatError, match=r"text_encoder\.sha256"):
        commit_manifest(tmp_path, wrong)
    assert read_manifest(tmp_path) == MANIFEST


def test_reading_begins_again_where_its_generation_was_replaced_meanwhile(tmp_path):
    commit_manifest(tmp_path, MANIFEST)
    seen = []

    def read(manifest):
        seen.append(manifest.generation)
        if len(seen) == 1:
            commit_manifest(tmp_path, dataclasses.replace(MANIFEST, generation=8))
            raise IndexFormatError("its files are gone")
        return "read"

    assert read_whole(tmp_path, read) == "read"
    assert seen == [7, 8]


def test_what_is_damaged_in_a_generation_that_stays_is_said(tmp_path):
    commit_manifest(tmp_path, MANIFEST)

    def read(manifest):
        raise IndexFormatError("damaged")

    with pytest.raises(IndexFormatError, match="damaged"):
        read_whole(tmp_path, read)


def test_manifest_is_known_by_its_own_checksum(tmp_path):
    commit_manifest(tmp_path, MANIFEST)
    (tmp_path / "CURRENT").unlink()
    assert read_generation(tmp_path, 7) == MANIFEST
    path = tmp_path / "manifests" / "00000007.json"
    path.write_bytes(path.read_bytes().replace(b'"generation": 7', b'"generation": 9'))
    with pytest.raises(IndexFormatError, match="checksum"):
        read_generation(tmp_path, 7)


def test_a_current_that_is_a_folder_is_damaged(tmp_path):
    (tmp_path / "CURRENT").mkdir()
    with pytest.raises(
        IndexFormatError, match=r"found no .*CURRENT \(Is a directory\), expected a generation"
    ):
        read_manifest(tmp_path)


def test_an_index_that_may_not_be_read_now_is_said_to_be(tmp_path):
    commit_manifest(tmp_path, MANIFEST)
    script = f"""
from pathlib import Path
from retrieval.store.manifest import read_manifest
read_manifest(Path({str(tmp_path)!r}))
"""
    command = [sys.executable, "-c", script]
    if os.geteuid() == 0:
        if (setpriv := shutil.which("setpriv")) is None:
            pytest.skip("found no setpriv, and root may read whatever it likes")
        command = [setpriv, "--bounding-set=-dac_override,-dac_read_search", *command]
    (tmp_path / "CURRENT").chmod(0)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (
        f"{UnreadableError.__name__}: found {tmp_path / 'CURRENT'}, which cannot be read (Permission denied)"
        in done.stderr
    )
