"""Caches annotations: reads a dataset's photos, writes one .npy of fp16 a_NLD per view, resumable.

A view is one way of cutting the photo: 0 is the whole photo, 1 its mirror image, any further one a random
crop (mirrored when odd). The CNN is frozen while the decoder trains, so that each view runs through it once.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from indexer.captioner.image_encoder import ImageEncoder
from indexer.captioner.training.report import Report
from retrieval.errors import DatasetError
from retrieval.files import write_file

_BATCH = 64
_SMALLEST_CROP = 0.7  # of a side


def cache_annotations(
    encoder: ImageEncoder, photos: Sequence[Path], view: int, folder: Path, seed: int, report: Report
) -> np.ndarray:
    """Annotations of one view of the photos: a read-only fp16 memory map (photos, locations, channels).

    Computed at most once: a finished cache is reused, an interrupted one carries on where it stopped. Raises
    `DatasetError` for a photo that cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_cache_key(encoder, photos, view, seed)}.npy"
    progress = path.with_suffix(".json")
    rows, columns = encoder.grid
    shape = (len(photos), rows * columns, encoder.channels)
    done = json.loads(progress.read_text())["done"] if progress.exists() else 0
    if done < len(photos):
        mode = "r+" if done else "w+"
        cache = np.lib.format.open_memmap(path, mode=mode, dtype=np.float16, shape=shape)
        for start in range(done, len(photos), _BATCH):
            batch = photos[start : start + _BATCH]
            pixels = np.stack([_cut_view(photo, view, encoder.image_size, seed) for photo in batch])
            with torch.inference_mode():
                a_BLD = encoder(torch.from_numpy(pixels))
            cache[start : start + len(batch)] = a_BLD.to(torch.float16).numpy()
            cache.flush()
            write_file(progress, json.dumps({"done": start + len(batch)}).encode())
            report(f"annotations, view {view}", start + len(batch), len(photos))
    return np.lib.format.open_memmap(path, mode="r")


def _cut_view(photo: Path, view: int, size: int, seed: int) -> np.ndarray:
    try:
        with Image.open(photo) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(
            f"{photo} cannot be read ({error}); replace it or remove it from the dataset"
        ) from None
    box = None
    if view > 1:
        digest = hashlib.sha256(f"{seed}/{view}/{photo.name}".encode()).digest()
        box = _random_crop(image.size, np.random.default_rng(int.from_bytes(digest[:8], "big")))
    image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(ImageOps.mirror(image) if view % 2 else image)


def _random_crop(size: tuple[int, int], random: np.random.Generator) -> tuple[float, float, float, float]:
    width, height = (side * random.uniform(_SMALLEST_CROP, 1.0) for side in size)
    left, top = random.uniform(0, size[0] - width), random.uniform(0, size[1] - height)
    return (left, top, left + width, top + height)


def _cache_key(encoder: ImageEncoder, photos: Sequence[Path], view: int, seed: int) -> str:
    made_by = (encoder.weights_sha256, encoder.image_size, encoder.dtype, view, seed, _SMALLEST_CROP)
    digest = hashlib.sha256(repr(made_by).encode())
    for photo in photos:
        status = photo.stat()
        digest.update(os.fsencode(photo.resolve()) + f"\0{status.st_size} {status.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]
