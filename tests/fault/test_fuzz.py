"""Photos and manifests changed at random: each is read or refused, and nothing crashes."""

import io
import json
import os
import random
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image

from indexer.pixels.decode_pool import DecodeSettings, decode_photos
from retrieval.errors import IndexFormatError
from retrieval.store.files import hash_bytes
from retrieval.store.manifest import manifest_path, read_manifest

COUNT = 1000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF")


def make_seeds(rng: random.Random) -> list[bytes]:
    """A small photo of every format, with detail and EXIF."""
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    image = Image.frombytes("RGB", (32, 24), rng.randbytes(32 * 24 * 3)).resize((48, 36))
    seeds = []
    for name in FORMATS:
        target = io.BytesIO()
        image.save(target, format=name, exif=exif.tobytes())
        seeds.append(target.getvalue())
    return seeds


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, a piece repeated, removed or cut off; changes near the start are more likely."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        place = int(len(changed) * rng.random() ** 2)
        kind = rng.randrange(5)
        piece = changed[place : place + rng.randrange(1, 40)]
        if kind == 0:
            changed[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
        elif kind == 1:
            changed[place:place] = piece
        elif kind == 2:
            del changed[place : place + len(piece)]
        elif kind == 3 and len(changed) > 1:
            del changed[max(1, place) :]
        elif changed:
            changed[min(place, len(changed) - 1)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def test_fuzzed_photos_cost_a_row_each_and_no_decoder(tmp_path: Path) -> None:
    rng = random.Random(8)
    seeds = make_seeds(rng)
    paths = []
    for number in range(COUNT):
        path = tmp_path / f"{number:04}.jpg"
        path.write_bytes(mutate(rng.choice(seeds), rng))
        paths.append(os.fsencode(path))
    settings = DecodeSettings(size=16, seconds=20, workers=2)
    reads = list(decode_photos(paths, lambda _: True, settings))
    assert [read.path for read in reads] == paths
    reasons = [read.reason.split(":")[0] for read in reads if read.reason]
    assert set(reasons) <= {
        "not_an_image",
        "truncated",
        "damaged",
        "too_large",
        "unsupported_format",
        "empty_file",
    }
    # Both happen often enough to say something.
    assert COUNT / 10 < len(reasons) < 0.95 * COUNT


def change_value(value: Any, rng: random.Random) -> Any:
    """A JSON document with one of its values replaced, removed or repeated."""
    other = [None, -1, 2**70, 1.5, "", "x" * 64, "0" * 64, [], {}, True, float("nan"), "\ud800"]
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.2:
            return {name: inner for name, inner in value.items() if name != key}
        return {**value, key: change_value(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        return [
            *value[:place],
            change_value(value[place], rng),
            *value[place : None if rng.random() < 0.8 else 0],
        ]
    return rng.choice(other)


@pytest.fixture
def index(library: Any) -> Path:
    for number in range(3):
        library.paint(f"{number}.png", (number, 50, 100))
    library.build(shard_rows=2)
    path: Path = library.index
    return path


def test_fuzzed_manifests_are_read_or_refused(index: Path) -> None:
    rng = random.Random(9)
    path = manifest_path(index, read_manifest(index).generation)
    whole = path.read_bytes()
    document = json.loads(whole)
    refused = 0
    for number in range(COUNT):
        if number % 2:
            data = mutate(whole, rng)
        else:
            data = json.dumps(change_value(document, rng)).encode()
        path.write_bytes(data)
        # As if written so: the hash is right, and only the content can be wrong.
        (index / "CURRENT").write_text(f"{int(path.stem)} {hash_bytes(data)}\n")
        try:
            read_manifest(index)
        except IndexFormatError:
            refused += 1
    assert COUNT / 2 < refused < COUNT
