import os
import time
from pathlib import Path

import pytest

from indexer.photo_files import photo_file
from indexer.photo_files.file_stamp import FileStamp
from indexer.photo_files.photo_file import read_photo
from indexer.photo_files.seen_files import SeenFiles
from retrieval.errors import PhotoError


@pytest.mark.parametrize("written", [b"new bytes", b"new", b"longer than before"])
def test_a_file_that_is_written_while_it_is_read_is_no_photo_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bytes
) -> None:
    """Its size may be the same, and its modification time put back."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"old bytes")
    os.utime(path, ns=(10**18, 10**18))
    now = time.time_ns()

    def write() -> int:
        time.sleep(0.02)  # The times of files go on in steps of some milliseconds.
        path.write_bytes(written)
        os.utime(path, ns=(10**18, 10**18))
        return now

    # The time is asked for once the file is open, and before it is read.
    monkeypatch.setattr(photo_file.time, "time_ns", write)
    with pytest.raises(PhotoError, match="written while it was read"):
        read_photo(path)
    monkeypatch.undo()
    assert read_photo(path).data == written


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.truncate(512 * 2**20 + 1)
    with pytest.raises(PhotoError, match=r"^too_large: 536870913 bytes, at most 536870912 are read"):
        read_photo(path)


def test_a_photo_from_the_future_is_unchanged_until_somebody_writes_it(tmp_path: Path) -> None:
    path, future = tmp_path / "a.jpg", 4 * 10**18
    path.write_bytes(b"old bytes")
    os.utime(path, ns=(future, future))
    before, now = path.stat(), time.time_ns()
    assert not FileStamp.of(before, now).is_of(before)
    stamp = FileStamp.of(before, now + 3 * 10**9)
    assert stamp.is_of(before)
    time.sleep(0.02)  # The times of files go on in steps of some milliseconds.
    path.write_bytes(b"new bytes")
    os.utime(path, ns=(future, future))
    assert not stamp.is_of(path.stat())


def test_what_was_seen_of_a_photo_dated_after_2262_is_kept(tmp_path: Path) -> None:
    path, dated = tmp_path / "a.jpg", 2**63 + 10**9
    path.write_bytes(b"bytes")
    os.utime(path, ns=(dated, dated))
    seen = SeenFiles()
    seen.note(os.fsencode(path), "id", FileStamp.of(path.stat(), time.time_ns() + 3 * 10**9))
    seen.write(tmp_path)
    assert SeenFiles.read(tmp_path).recall(os.fsencode(path)) == "id"
