"""Photos that are still what was indexed, and everything else that may lie where one was."""

import hashlib
import os
import shutil
import time

import pytest
from PIL import Image

from retrieval.errors import PhotoError
from retrieval.pictures.verified_photos import VerifiedPhotos, find_kind, read_blocks


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (300, 200), "teal").save(path)
    settle(path)
    return path


def settle(path):
    """As if the file had been written long ago."""
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))


@pytest.fixture
def image_id(photo):
    return hashlib.sha256(photo.read_bytes()).hexdigest()


@pytest.fixture
def files():
    return VerifiedPhotos()


def replace_by_link(path):
    path.unlink()
    path.symlink_to("/etc/passwd")


def replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


def replace_by_another_photo(path):
    Image.new("RGB", (300, 200), "tomato").save(path)


def change_a_byte(path):
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    settle(path)


def loop_links(path):
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.unlink(),
        replace_by_link,
        replace_by_pipe,
        replace_by_folder,
        replace_by_another_photo,
        change_a_byte,
        loop_links,
    ],
)
def test_what_took_the_photos_place_is_not_served(files, photo, image_id, change):
    assert files.thumbnail(image_id, [photo], 480)
    assert b"".join(read_blocks(files.open(image_id, [photo]))) == photo.read_bytes()
    change(photo)
    with pytest.raises(PhotoError, match="found no file with this photo"):
        files.open(image_id, [photo])
    with pytest.raises(PhotoError):
        files.thumbnail(image_id, [photo], 480)


def test_nothing_stays_open_of_what_is_not_served(files, photo, image_id):
    replace_by_folder(photo)
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with pytest.raises(PhotoError):
            files.open(image_id, [photo])
    assert os.listdir("/proc/self/fd") == before


def test_a_file_of_the_same_size_and_time_is_told_apart(files, photo, image_id):
    files.open(image_id, [photo]).close()
    status = photo.stat()
    data = bytearray(photo.read_bytes())
    data[-10] ^= 1
    photo.write_bytes(data)
    os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(PhotoError):
        files.open(image_id, [photo])


def test_a_photo_is_found_at_any_of_its_paths(files, photo, image_id, tmp_path):
    copy = tmp_path / "copy.jpg"
    shutil.copy(photo, copy)
    photo.unlink()
    files.open(image_id, [photo, copy]).close()


def test_a_photo_that_was_indexed_by_a_link_is_served(files, photo, image_id, tmp_path):
    link = tmp_path / "link.jpg"
    link.symlink_to(photo)
    files.open(image_id, [link]).close()


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/mem", "photo\x00.jpg", "x" * 5000])
def test_what_is_no_file_is_not_read(files, image_id, path):
    with pytest.raises(PhotoError):
        files.open(image_id, [path])


def test_a_file_is_hashed_once_while_it_is_not_touched(files, photo, image_id, monkeypatch):
    # A file of this very moment could change again unseen, so it is hashed each time.
    clock = time.time_ns() + 10 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: clock)
    hashed = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: (hashed.append(1), digest(file, name))[1])
    for _ in range(3):
        files.open(image_id, [photo]).close()
    assert len(hashed) == 1
    os.utime(photo)
    files.open(image_id, [photo]).close()
    assert len(hashed) == 2


def test_thumbnails_are_made_once_and_keep_to_their_memory(photo, image_id, files, monkeypatch):
    made = []
    monkeypatch.setattr(
        "retrieval.pictures.verified_photos.encode_thumbnail",
        lambda data, side: (made.append(side), b"x" * 30)[1],
    )
    files._thumbnails._most = 70
    for side in (480, 480, 960, 480, 1600, 480, 960):
        assert files.thumbnail(image_id, [photo], side) == b"x" * 30
        assert files.thumbnail_bytes <= 70
    assert made == [480, 960, 1600, 960]


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("AVIF", "image/avif"),
    ],
)
def test_the_media_type_is_that_of_the_bytes(tmp_path, kind, media_type):
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.jpg", kind)
    with open(tmp_path / "photo.jpg", "rb") as file:
        assert find_kind(file) == media_type
        assert file.tell() == 0


def test_what_is_no_photo_has_no_media_type(tmp_path):
    (tmp_path / "page.jpg").write_bytes(b"<html>")
    with open(tmp_path / "page.jpg", "rb") as file:
        assert find_kind(file) == "application/octet-stream"
