"""Everything that a folder of photos may hold: each file is indexed, or a row that says why not."""

import io
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.photo_files.photo_file import read_photo
from retrieval.errors import PhotoError
from retrieval.store.failures import list_failures
from retrieval.store.manifest import read_manifest

COLOUR = (200, 60, 20)


def encode(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, format=format, **options)
    return target.getvalue()


def plain(mode: str = "RGB", colour: Any = COLOUR) -> Image.Image:
    return Image.new(mode, (40, 30), colour)


def make_bomb() -> bytes:
    """A PNG of 60,000 × 60,000 pixels in a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def make_oriented(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(plain(colour=(10 * orientation, 60, 20)), exif=exif.tobytes())


GOOD: dict[bytes, bytes] = {
    b"wrong extension.jpg": encode(plain(colour=(1, 60, 20))),
    b"animated.gif": encode(
        plain(colour=(0, 0, 255)), "GIF", save_all=True, append_images=[plain(colour=(255, 0, 0))]
    ),
    b"palette.png": encode(plain(colour=(2, 60, 20)).convert("P", palette=Image.Palette.ADAPTIVE)),
    b"grey and alpha.png": encode(plain("LA", (100, 255))),
    b"cmyk.jpg": encode(plain("CMYK", (0, 0, 0, 0)), "JPEG"),
    b"sixteen bits.png": encode(Image.fromarray(np.full((30, 40), 40_000, dtype=np.uint16))),
    **{b"orientation %d.png" % number: make_oriented(number) for number in range(1, 9)},
    b"not utf-8 \xff\xfe.png": encode(plain(colour=(3, 60, 20))),
    b"new\nline\ttab.png": encode(plain(colour=(4, 60, 20))),
    b"n" * 251 + b".png": encode(plain(colour=(5, 60, 20))),
    b"\xf0\x9f\x8c\x83 \xe2\x80\xaegnp.png": encode(plain(colour=(6, 60, 20))),
}
BAD: dict[bytes, tuple[bytes, str]] = {
    b"empty.jpg": (b"", "empty_file"),
    b"cut.jpg": (encode(plain(), "JPEG")[:-200], "truncated"),
    b"text.jpg": (b"Dear diary, no photo today.\n", "not_an_image"),
    b"drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
    b"drawing.jpg": (b"<?xml version='1.0'?><svg/>", "unsupported_format"),
    b"bomb.png": (make_bomb(), "too_large"),
    b"program.png": (b"\x7fELF" + bytes(100), "not_an_image"),
}


@pytest.fixture
def zoo(library: Any) -> Any:
    folder = os.fsencode(library.photos)
    for name, data in {**GOOD, **{name: data for name, (data, _) in BAD.items()}}.items():
        with open(folder + b"/" + name, "wb") as file:
            file.write(data)
    os.mkfifo(folder + b"/pipe.jpg")
    os.symlink(b"loop.jpg", folder + b"/loop.jpg")
    os.symlink(b"nowhere.jpg", folder + b"/lost.jpg")
    os.symlink(b".", folder + b"/loop of folders")
    outside = library.photos.parent / "outside"
    outside.mkdir()
    (outside / "elsewhere.png").write_bytes(encode(plain(colour=(7, 60, 20))))
    os.symlink(outside / "elsewhere.png", folder + b"/linked.png")
    os.symlink(outside, folder + b"/linked folder")
    return library


def test_every_file_is_indexed_or_a_row_that_says_why_not(zoo: Any) -> None:
    report = zoo.build()
    expected = {name: code for name, (_, code) in BAD.items()}
    expected |= dict.fromkeys((b"pipe.jpg", b"loop.jpg", b"lost.jpg"), "unreadable")
    assert {os.path.basename(path): reason.split(":")[0] for path, reason in report.failures} == expected
    captions = zoo.captions()
    assert sorted(map(os.fsencode, captions)) == sorted([*GOOD, b"linked.png"])
    assert captions["animated.gif"] == zoo.caption_of((0, 0, 255))
    assert captions["grey and alpha.png"] == zoo.caption_of((100, 100, 100))
    assert captions["cmyk.jpg"] == zoo.caption_of((255, 255, 255))
    assert captions["sixteen bits.png"] == zoo.caption_of((156, 156, 156))
    assert captions["linked.png"] == zoo.caption_of((7, 60, 20))
    zoo.check()
    failures = list_failures(zoo.index, read_manifest(zoo.index))
    assert {os.path.basename(failure.path): failure.code for failure in failures} == expected
    assert all(failure.when.endswith("+00:00") and failure.reason for failure in failures)
    again = zoo.build()
    assert (again.new, again.updated, again.removed, again.failed) == (0, 0, 0, report.failed)
    assert again.generation == report.generation


def test_folder_whose_files_cannot_be_reached_keeps_its_photos(library: Any, run_index_script: Path) -> None:
    """After `chmod -R 644`: it can be listed, and that is all."""
    for number in range(3):
        library.paint(f"{number}.png", (number, 60, 20))
        library.paint(f"locked/{number}.png", (number, 60, 30))
    library.build()
    before = library.captions()
    locked = library.photos / "locked"
    locked.chmod(0o644)
    command = [sys.executable, run_index_script, library.photos, library.index, "10"]
    if os.geteuid() == 0:
        if (setpriv := shutil.which("setpriv")) is None:
            pytest.skip("found no setpriv, and root may read whatever it likes")
        command = [setpriv, "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, capture_output=True, check=True)
    locked.chmod(0o755)
    assert done.stdout.startswith(b"acknowledged 6 ")
    assert library.captions() == before
    failures = list_failures(library.index, read_manifest(library.index))
    assert [(os.path.basename(failure.path), failure.code) for failure in failures] == [
        (b"%d.png" % number, "unreadable") for number in range(3)
    ]
    library.captioner.captioned = 0
    report = library.build()
    assert (report.new, report.unchanged, report.removed, report.failed) == (0, 6, 0, 0)
    assert library.captioner.captioned == 0
    library.check()


def test_decompression_bombs_take_no_memory(zoo: Any) -> None:
    """In a process of its own: in this one, other tests have loaded models."""
    command = [sys.executable, Path(__file__).with_name("measure_memory.py"), zoo.photos, zoo.index]
    done = subprocess.run(command, capture_output=True, check=True)
    assert 0 < int(done.stdout) < 1e9


def test_heic_photo_is_indexed(library: Any) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    target = io.BytesIO()
    pillow_heif.from_pillow(plain()).save(target, quality=100)
    (library.photos / "photo.heic").write_bytes(target.getvalue())
    report = library.build()
    assert (report.new, report.failed) == (1, 0)


def test_photo_that_is_written_while_it_is_read_is_indexed_when_it_is_done(
    library: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "growing.png"
    path.write_bytes(encode(plain()))
    look, calls = os.fstat, []

    def grow(descriptor: int) -> os.stat_result:
        status = look(descriptor)
        calls.append(descriptor)
        if len(calls) == 2:  # The first looks whether it is a file at all.
            with path.open("ab") as file:
                file.write(b"more")
        return status

    monkeypatch.setattr(os, "fstat", grow)
    with pytest.raises(PhotoError, match=r"^changing: "):
        read_photo(path)
    assert read_photo(path).data.endswith(b"more")
