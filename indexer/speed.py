"""The speed and the memory of indexing. Reads photos, writes indexes in a temporary folder, measures both."""

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import harmonic_mean

import numpy as np
import torch
from PIL import Image

from indexer.build import build_index
from indexer.captioner.attention_captioner import AttentionCaptioner
from indexer.captioner.checkpoint import read_captioner, read_encoder
from indexer.captioner.decoding import beam_search
from indexer.captioner.loading import find_checkpoint
from indexer.captioner.vocabulary import Vocabulary
from indexer.config import IndexConfig
from indexer.models import Models, load_models
from indexer.pixels.decode_pool import DecodeSettings, decode_photos
from indexer.samples import find_samples
from indexer.updating.report import IndexReport
from retrieval.command.bench_rows import BenchRow
from retrieval.device import require_torch_device
from retrieval.errors import RetrievalError, UsageError
from retrieval.peak_memory import PeakMemory
from retrieval.progress import Progress, no_progress
from retrieval.runtime import Runtime, pick_runtimes

_SIZE = (800, 600)
_MOST_BYTES = 2e9
_MOST_SLOWER, _MOST_BARE, _MOST_PLAIN, _WARMING_UP = 1024, 512, 192, 64


def cut_photos(folder: Path, count: int) -> list[Path]:
    """Writes `count` distinct JPEGs of 800 × 600 pixels, cut at random from the sample photos."""
    random = np.random.default_rng(0)
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


def measure_indexing(
    photos: Sequence[Path], config: IndexConfig, device: str, progress: Progress = no_progress
) -> list[BenchRow]:
    """The whole path of `build_index` in each runtime that is there, beside others, and the memory it took.

    Beside the bare CNN in the same runtime, which gets pixels that are decoded already, in the same batches;
    and, in the fastest runtime, beside `measure_plain_path`. All in one run, with the models loaded. In the
    fastest runtime half of the photos are indexed first, to warm up and to see whether memory grows, then all
    of them, and then each half. Memory is the peak of this process and of its decoding processes together
    (see `PeakMemory`) while all photos are indexed. The slower ones index no more photos than tell how fast
    they are.

    Raises:
        UsageError: the captioner has no CNN of its own.
        RetrievalError: fewer than two photos, or what `load_models` raises.
    """
    if len(photos) < 2:
        raise RetrievalError(f"found {len(photos)} photos, expected at least 2 to measure with; give more")
    fastest, *others = pick_runtimes(config.runtime, require_torch_device(device))
    half = len(photos) // 2
    models = _load(config, fastest, device)
    _, half_bytes = _index(photos[:half], models, config, progress)
    row, whole_bytes = _compare([photos, photos[:half], photos[half:]], models, config, progress)
    plain = measure_plain_path(photos[:_MOST_PLAIN], models, config)
    rows = [row]
    for runtime in others:
        models = _load(config, runtime, device)
        _index(photos[:_WARMING_UP], models, config, progress)
        rows.append(_compare([photos[:_MOST_SLOWER]], models, config, progress)[0])
    name = f"{row.name}, beside plain torch"
    return [
        *rows,
        BenchRow(name, row.ours, plain, "photos/s", row.ours / plain, 3.0),
        BenchRow("memory", whole_bytes / 1e6, _MOST_BYTES / 1e6, "MB", _MOST_BYTES / whole_bytes, 1.0),
        BenchRow(
            f"memory, {len(photos)} photos after {half}",
            whole_bytes / 1e6,
            half_bytes / 1e6,
            "MB",
            half_bytes / whole_bytes,
            0.9,
        ),
    ]


def measure_plain_path(photos: Sequence[Path], models: Models, config: IndexConfig) -> float:
    """Photos per second of what `retrieve index` was at first, in plain torch and one step after another.

    Each batch is decoded, goes through the CNN in float32, through beam search in float32, and the best
    sentence of each photo through the text encoder; nothing is weighed, tagged or written. The first batch
    warms up, where there are more.
    """
    checkpoint = find_checkpoint(config.captioner)
    assert checkpoint is not None
    decoder, header = read_captioner(checkpoint)
    decoder, encoder, decoding = (
        decoder.eval(),
        read_encoder(checkpoint, header).eval(),
        header.config.decoding,
    )
    vocabulary, width = Vocabulary(header.vocabulary), config.beam_width or decoding.beam_width
    seconds = list[float]()
    # None is decoded while the batch before is looked at.
    settings = DecodeSettings(size=encoder.image_size, max_megapixels=config.max_megapixels, ahead=1)
    with closing(decode_photos([os.fsencode(path) for path in photos], lambda _: True, settings)) as reads:
        decoded = (read.photo.pixels_HWC for read in reads if read.photo is not None)
        counts = list[int]()
        started = time.monotonic()
        while batch := list(islice(decoded, config.batch_photos)):
            with torch.inference_mode():
                annotated = decoder.annotate(encoder(torch.from_numpy(np.stack(batch))))
            words, penalty = decoding.max_words, decoding.length_penalty
            found = beam_search(decoder, annotated, width, words, penalty).words_BKT[:, 0]
            models.text_encoder.encode([" ".join(vocabulary.decode(each)) for each in found.tolist()])
            counts.append(len(batch))
            seconds.append(time.monotonic() - started)
            started = time.monotonic()
    if not counts:
        raise RetrievalError(f"none of the first {len(photos)} photos can be read; give others")
    warm = slice(1 if len(counts) > 1 else 0, None)
    return sum(counts[warm]) / sum(seconds[warm])


def _load(config: IndexConfig, runtime: Runtime, device: str) -> Models:
    models = load_models(config.model_copy(update={"runtime": runtime}), device)
    if not isinstance(models.captioner, AttentionCaptioner):
        raise UsageError(f"found captioner {models.captioner.name}, expected one with a CNN to compare with")
    return models


def _compare(
    runs: Sequence[Sequence[Path]], models: Models, config: IndexConfig, progress: Progress
) -> tuple[BenchRow, int]:
    """Runs beside the bare CNN, in turn: a machine may become slower meanwhile. And the first one's bytes."""
    captioner, photos = models.captioner, runs[0][:_MOST_BARE]
    assert isinstance(captioner, AttentionCaptioner)
    bare, reports, memory = [_measure_encoder(photos, captioner, config)], list[IndexReport](), list[int]()
    for run in runs:
        report, peak = _index(run, models, config, progress)
        bare.append(_measure_encoder(photos, captioner, config))
        reports.append(report)
        memory.append(peak)
    ours = sum(each.photos for each in reports) / sum(each.seconds for each in reports)
    alone = harmonic_mean(bare)
    return BenchRow(f"index in {captioner.runtime}", ours, alone, "photos/s", ours / alone, 0.7), memory[0]


def _index(
    photos: Sequence[Path], models: Models, config: IndexConfig, progress: Progress
) -> tuple[IndexReport, int]:
    """What a run did, and its memory at the peak, in bytes."""
    memory = PeakMemory()
    memory.forget()

    def watch(description: str, done: int, total: int) -> None:
        memory.sample()
        progress(description, done, total)

    with tempfile.TemporaryDirectory() as folder:
        return build_index(photos, Path(folder, "index"), models, config, watch), memory.bytes()


def _decode(photos: Sequence[Path], size: int, config: IndexConfig) -> np.ndarray:
    """Pixels (N, size, size, 3) of those that can be read."""
    settings = DecodeSettings(size=size, max_megapixels=config.max_megapixels)
    # One block, filled photo by photo: many small ones would leave holes, which count as memory of indexing.
    pixels_NSSC, found = np.empty((len(photos), size, size, 3), dtype=np.uint8), 0
    for read in decode_photos([os.fsencode(path) for path in photos], lambda _: True, settings):
        if read.photo is not None:
            pixels_NSSC[found] = read.photo.pixels_HWC
            found += 1
    return pixels_NSSC[:found]


def _measure_encoder(photos: Sequence[Path], captioner: AttentionCaptioner, config: IndexConfig) -> float:
    """Photos per second of the CNN alone, on photos that are decoded."""
    pixels_NSSC = _decode(photos, captioner.image_size, config)
    if not len(pixels_NSSC):
        raise RetrievalError(f"none of the first {len(photos)} photos can be read; give others")
    starts = range(0, len(pixels_NSSC), config.batch_photos)
    batches = [pixels_NSSC[start : start + config.batch_photos] for start in starts]
    for batch in batches[:1]:
        captioner.encode(batch)
    started = time.monotonic()
    for batch in batches:
        # To the CPU and into a number: on a GPU the work is only then known to be done.
        float(captioner.encode(batch).float().mean())
    return len(pixels_NSSC) / (time.monotonic() - started)
