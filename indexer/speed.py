"""The speed and the memory of indexing. Reads photos, writes indexes in a temporary folder, measures both."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.build import build_index
from indexer.captioner.attention_captioner import AttentionCaptioner
from indexer.config import IndexConfig
from indexer.decode_pool import DecodeSettings, decode_photos
from indexer.models import Models
from indexer.peak_memory import PeakMemory
from indexer.report import IndexReport
from indexer.samples import find_samples
from retrieval.errors import RetrievalError, UsageError

_SIZE = (800, 600)
_MOST_BYTES = 2e9


@dataclass(frozen=True, slots=True)
class SpeedRow:
    """One measure beside what it is compared with; `ratio` is better when higher, `asked` its bar."""

    name: str
    ours: float
    reference: float
    unit: str
    ratio: float
    asked: float


def cut_photos(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Writes `count` distinct JPEGs of 800 × 600 pixels, cut at random from the sample photos."""
    random = np.random.default_rng(seed)
    originals = []
    for path in find_samples():
        with Image.open(path) as image:
            originals.append(image.convert("RGB"))
    paths = [folder / f"{number:06}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        original = originals[number % len(originals)]
        share = random.uniform(0.5, 1.0)
        width, height = share * original.width, share * original.height
        left, top = random.uniform(0, original.width - width), random.uniform(0, original.height - height)
        box = (left, top, left + width, top + height)
        original.resize(_SIZE, Image.Resampling.BICUBIC, box=box).save(path, quality=90)
    return paths


def measure_indexing(photos: Sequence[Path], models: Models, config: IndexConfig) -> list[SpeedRow]:
    """The whole path of `build_index` beside the bare CNN, and the memory that it took.

    Both see the same photos in the same batches, in one run, with the models loaded; the CNN gets pixels that
    are decoded already. First half of the photos is indexed, to warm up and to see whether memory grows.
    Memory is the peak of this process and of its largest decoding process together (see `PeakMemory`).

    Raises:
        UsageError: the captioner has no CNN of its own.
        RetrievalError: fewer than two photos.
    """
    if not isinstance(models.captioner, AttentionCaptioner):
        raise UsageError(f"found captioner {models.captioner.name}, expected one with a CNN to compare with")
    if len(photos) < 2:
        raise RetrievalError(f"found {len(photos)} photos, expected at least 2 to measure with; give more")
    half = photos[: len(photos) // 2]
    memory = PeakMemory()
    with tempfile.TemporaryDirectory() as folder:
        _index(half, Path(folder, "half"), models, config, memory)
        half_bytes = memory.bytes()
        whole = _index(photos, Path(folder, "whole"), models, config, memory)
        whole_bytes = memory.bytes()
    if not whole.photos:
        raise RetrievalError("none of these photos can be read; give others")
    ours = whole.photos / whole.seconds
    bare = _measure_encoder(photos, models.captioner, config)
    return [
        SpeedRow("index", ours, bare, "photos/s", ours / bare, 0.5),
        SpeedRow("memory", whole_bytes / 1e6, _MOST_BYTES / 1e6, "MB", _MOST_BYTES / whole_bytes, 1.0),
        SpeedRow(
            f"memory, {len(photos)} photos after {len(half)}",
            whole_bytes / 1e6,
            half_bytes / 1e6,
            "MB",
            half_bytes / whole_bytes,
            0.9,
        ),
    ]


def _index(
    photos: Sequence[Path], index: Path, models: Models, config: IndexConfig, memory: PeakMemory
) -> IndexReport:
    return build_index(
        photos,
        index,
        models.captioner,
        models.text_encoder,
        config,
        memory.sample,
        models.image_head,
        models.tagger,
        models.image_tower,
    )


def _measure_encoder(photos: Sequence[Path], captioner: AttentionCaptioner, config: IndexConfig) -> float:
    """Photos per second of the CNN alone."""
    settings = DecodeSettings(size=captioner.image_size, max_megapixels=config.max_megapixels)
    reads = decode_photos([os.fsencode(path) for path in photos], lambda _: True, settings)
    pixels_NHWC = np.stack([read.photo.pixels_HWC for read in reads if read.photo is not None])
    batches = [
        pixels_NHWC[start : start + config.batch_photos]
        for start in range(0, len(pixels_NHWC), config.batch_photos)
    ]
    captioner.encode(batches[0])
    started = time.monotonic()
    for batch_BHWC in batches:
        # To the CPU and into a number: on a GPU the work is only then known to be done.
        float(captioner.encode(batch_BHWC).float().mean())
    return len(pixels_NHWC) / (time.monotonic() - started)
