import errno
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.errors import IndexFormatError, RetrievalError, UsageError
from retrieval.store.files import (
    hash_bytes,
    hash_file,
    make_folder,
    map_verified,
    publish_file,
    read_verified,
    write_file,
    write_hashed,
    write_named,
)


@pytest.fixture
def calls(monkeypatch):
    """The order of what makes a file durable: ("fsync", path) and ("rename", from, to)."""
    log = []
    fsync, replace = os.fsync, os.replace

    def logged_fsync(descriptor):
        log.append(("fsync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def logged_replace(source, target):
        log.append(("rename", str(source), str(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "replace", logged_replace)
    return log


def test_hashes_are_sha256(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_file(path) == hash_bytes(b"abc") == expected


def test_write_file_syncs_the_file_renames_it_and_syncs_the_folder(tmp_path, calls):
    path = tmp_path / "data"
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    temporary = str(tmp_path / f".data.{os.getpid()}.tmp")
    assert calls == [("fsync", temporary), ("rename", temporary, str(path)), ("fsync", str(tmp_path))]


def test_publish_file_syncs_before_it_renames(tmp_path, calls):
    temporary, path = tmp_path / "part", tmp_path / "whole"
    temporary.write_bytes(b"x")
    publish_file(temporary, path)
    assert not temporary.exists()
    assert path.read_bytes() == b"x"
    assert [call[0] for call in calls] == ["fsync", "rename", "fsync"]


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "data"
    write_file(path, b"old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["data"]


def test_parts_are_written_under_their_hash_in_the_same_order_of_calls(tmp_path, calls):
    folder = tmp_path / "parts"
    folder.mkdir()
    sha256, size = write_hashed(folder, ".bin", lambda write: [write(b"a"), write(b""), write(b"bc")])
    assert (sha256, size) == (hash_bytes(b"abc"), 3)
    path = folder / f"{sha256}.bin"
    assert path.read_bytes() == b"abc"
    temporary = str(folder / f".new.bin.{os.getpid()}.tmp")
    assert calls == [("fsync", temporary), ("rename", temporary, str(path)), ("fsync", str(folder))]


def test_parts_that_end_early_leave_nothing(tmp_path):
    def write(put):
        put(b"a")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_hashed(tmp_path, ".bin", write)
    assert os.listdir(tmp_path) == []


def test_written_files_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write_file(tmp_path / "data", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o640


def test_make_folder_syncs_each_entry_in_the_folder_above(tmp_path, calls):
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert calls == [("fsync", str(tmp_path)), ("fsync", str(tmp_path / "a"))]
    make_folder(tmp_path / "a" / "b")
    assert len(calls) == 2


def test_read_verified_returns_only_the_expected_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    expected = hashlib.sha256(b"abc").hexdigest()
    assert read_verified(path, expected) == b"abc"
    path.write_bytes(b"abd")
    with pytest.raises(IndexFormatError, match=f"damaged.*{expected}"):
        read_verified(path, expected)
    path.unlink()
    with pytest.raises(IndexFormatError, match="found no"):
        read_verified(path, expected)


def test_a_file_that_is_mapped_is_verified_first(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"vectors")
    assert bytes(map_verified(path, hash_bytes(b"vectors"))) == b"vectors"
    with pytest.raises(IndexFormatError, match="is damaged"):
        map_verified(path, hash_bytes(b"others"))
    path.write_bytes(b"")
    assert bytes(map_verified(path, hash_bytes(b""))) == b""
    path.unlink()
    with pytest.raises(IndexFormatError, match="found no"):
        map_verified(path, hash_bytes(b""))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_takes_no_more_leaves_what_was_there(tmp_path, monkeypatch, number):
    def refuse(_):
        raise OSError(number, os.strerror(number))

    path = tmp_path / "page.html"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", refuse)
    expected = re.escape(f"cannot write the page to {path} ({os.strerror(number)}), expected a disk that can")
    with pytest.raises(RetrievalError, match=f"{expected}.*; free some space or name a file els") as refused:
        write_named(path, b"new", "the page")
    assert refused.value.exit_code == 1
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("page.html", b"old")]


@pytest.mark.parametrize("name", [".", "folder", "nowhere/a.html", "file/a.html"])
def test_a_name_that_no_file_can_have_is_a_mistake_of_who_named_it(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match=r"cannot write the page to .*expected .*; name a file"):
        write_named(Path(name), b"new", "the page")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_folder_that_may_not_be_looked_into_is_no_place_to_write_to(tmp_path):
    script = f"""
from pathlib import Path
from retrieval.store.files import write_named
write_named(Path({str(tmp_path / "locked" / "a.html")!r}), b"new", "the page")
"""
    command = [sys.executable, "-c", script]
    if os.geteuid() == 0:
        if (setpriv := shutil.which("setpriv")) is None:
            pytest.skip("found no setpriv, and root may write wherever it likes")
        command = [setpriv, "--bounding-set=-dac_override,-dac_read_search", *command]
    (tmp_path / "locked").mkdir(mode=0)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "RetrievalError: cannot write the page to " in done.stderr
    assert "(Permission denied), expected a disk that can be written" in done.stderr
