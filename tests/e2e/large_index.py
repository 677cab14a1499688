"""An index of thousands of photos, from one of a few. Reads an index; writes photos and an index."""

import dataclasses
import hashlib
import io
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from retrieval.generations.derived import build_derived
from retrieval.store.manifest import commit_manifest, read_manifest
from retrieval.store.schema import PhotoRow, StoredAttention, StoredCaption
from retrieval.store.shards import shard_schema, write_shard
from tests.live_rows import iterate_live_rows

_SHARD_ROWS = 1000
_WHO = ("a dog", "two children", "a man in a red shirt", "a woman", "a cat", "three people", "a boy")
_WHAT = ("plays", "sleeps", "is running", "jumps", "looks around", "waits", "is standing", "rides a bicycle")
_WHERE = ("on the beach", "in the snow", "beside a log", "in front of a house", "on a street", "in the grass")


def write_large_index(small: Path, folder: Path, count: int) -> Path:
    """An index of `count` photos in `folder`, each with a file of its own, made by the models of `small`.

    Every photo is a smaller copy of one of those of `small` with bytes of its own at the end. Vectors are
    those of that photo, moved at random; captions are put together from a few words.
    """
    rng = np.random.default_rng(0)
    index, photos = folder / "index", folder / "photos"
    photos.mkdir(parents=True)
    manifest = read_manifest(small)
    shutil.copytree(small / "heads", index / "heads")
    known = [row for _, row in iterate_live_rows(small, manifest)]
    files = [_shrink(Path(row.paths[0].decode())) for row in known]
    rows = [_make_row(number, known, files, photos, rng) for number in range(count)]
    schema = shard_schema(manifest)
    shards = tuple(
        write_shard(index, rows[start : start + _SHARD_ROWS], schema)
        for start in range(0, count, _SHARD_ROWS)
    )
    large = dataclasses.replace(manifest, generation=1, shards=shards, vectors=())
    commit_manifest(index, build_derived(index, large))
    return index


def _shrink(path: Path) -> bytes:
    file = io.BytesIO()
    photo = Image.open(path).convert("RGB")
    photo.thumbnail((640, 640))
    photo.save(file, "JPEG", quality=75)
    return file.getvalue()


def _make_row(
    number: int, known: list[PhotoRow], files: list[bytes], photos: Path, rng: np.random.Generator
) -> PhotoRow:
    row = known[number % len(known)]
    data = files[number % len(known)] + number.to_bytes(8, "little")
    path = photos / f"{number:05}.jpg"
    path.write_bytes(data)
    caption = f"{rng.choice(_WHO)} {rng.choice(_WHAT)} {rng.choice(_WHERE)}"
    words = tuple(caption.split())
    return dataclasses.replace(
        row,
        image_id=hashlib.sha256(data).hexdigest(),
        paths=(str(path).encode(),),
        bytes=len(data),
        taken=datetime(2015, 1, 1) + timedelta(hours=7 * number),
        camera="Canon EOS 80D" if number % 3 else "Nikon D90",
        captions=(StoredCaption(caption),),
        attention=StoredAttention(words, rng.integers(0, 256, (len(words), 9, 9)).astype(np.uint8)),
        caption_vector=_move(row.caption_vector, rng),
        image_vector=_move(row.image_vector, rng),
    )


def _move(vector_D: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    moved_D = vector_D + rng.standard_normal(len(vector_D)) * 1.5 / np.sqrt(len(vector_D))
    return (moved_D / np.linalg.norm(moved_D)).astype(np.float32)
