"""Caches what a CNN makes of a dataset's photos: writes one .npy per view, resumable.

A view is one way of cutting the photo: 0 is the whole photo, 1 its mirror image, any further one a random
crop (mirrored when odd). What is frozen while something trains sees each view once, in the library that runs
it fastest: a run that carries on may take another than the one before, which is a matter of rounding.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from indexer.image_encoder.annotators import find_fastest
from indexer.image_encoder.encoder import ImageEncoder
from retrieval.errors import CheckpointError, DatasetError
from retrieval.pictures.photo_pixels import find_formats, read_orientation, to_rgb, turn_upright
from retrieval.progress import Progress
from retrieval.store.files import write_file

_BATCH = 64
_SMALLEST_CROP = 0.7  # of a side

# uint8 RGB (B, S, S, 3) → what is kept of each photo.
_Compute = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class ViewCache:
    """A folder of such files; `seed` decides the crops, and nothing of the views that have none."""

    folder: Path
    seed: int
    progress: Progress

    def annotations(self, encoder: ImageEncoder, photos: Sequence[Path], view: int) -> np.ndarray:
        """Annotations of one view of the photos: a read-only memory map (photos, locations, channels).

        Raises:
            CheckpointError: a captioner would have to be trained before this encoder gives any.
            DatasetError: a photo cannot be read.
        """
        if encoder.trainable is not None:
            raise CheckpointError(
                f"{encoder.name} has no weights yet, only the training of a captioner gives it some; "
                "name an encoder that is trained"
            )
        return self.frozen_outputs(encoder, photos, view)

    def frozen_outputs(self, encoder: ImageEncoder, photos: Sequence[Path], view: int) -> np.ndarray:
        """What the encoder's frozen part sees in one view of the photos: a read-only memory map (photos, …).

        Raises:
            DatasetError: a photo cannot be read.
        """
        return self._cached(
            lambda: find_fastest(encoder), encoder.frozen_fingerprint, photos, view, encoder.image_size
        )

    def means(self, encoder: ImageEncoder, photos: Sequence[Path], view: int) -> np.ndarray:
        """The mean of a frozen encoder's annotations over the locations: a memory map (photos, channels).

        Raises:
            DatasetError: a photo cannot be read.
        """

        def begin() -> _Compute:
            annotate = find_fastest(encoder)
            return lambda pixels_BSSC: annotate(pixels_BSSC).float().mean(dim=1)

        made_by = f"{encoder.weights_sha256} {encoder.dtype} mean"
        return self._cached(begin, made_by, photos, view, encoder.image_size)

    def pixels(self, size: int, photos: Sequence[Path]) -> np.ndarray:
        """The whole photos at so many pixels a side: a memory map uint8 (photos, size, size, 3).

        Raises:
            DatasetError: a photo cannot be read.
        """
        return self._cached(lambda: lambda pixels_BSSC: pixels_BSSC, "pixels", photos, 0, size)

    def _cached(
        self,
        begin: Callable[[], _Compute],
        made_by: str,
        photos: Sequence[Path],
        view: int,
        size: int,
    ) -> np.ndarray:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self._key(f'{made_by} {size}', photos, view)}.npy"
        record = path.with_suffix(".json")
        done = json.loads(record.read_text())["done"] if record.exists() and path.exists() else 0
        if done < len(photos):
            compute = begin()
            if not done:
                record.unlink(missing_ok=True)
            cache = _open_cache(path, compute, size, len(photos), done)
            for start in range(done, len(photos), _BATCH):
                batch = photos[start : start + _BATCH]
                pixels = np.stack([_cut_view(photo, view, size, self.seed) for photo in batch])
                with torch.inference_mode():
                    computed = compute(torch.from_numpy(pixels))
                cache[start : start + len(batch)] = _to_array(computed)
                cache.flush()
                write_file(record, json.dumps({"done": start + len(batch)}).encode())
                self.progress(f"view {view}", start + len(batch), len(photos))
        return np.lib.format.open_memmap(path, mode="r")

    def _key(self, made_by: str, photos: Sequence[Path], view: int) -> str:
        seed = self.seed if view > 1 else 0  # Nothing is random in the others.
        digest = hashlib.sha256(f"{made_by} {view} {seed} {_SMALLEST_CROP}".encode())
        for photo in photos:
            status = photo.stat()
            name = os.fsencode(photo.resolve())
            digest.update(name + f"\0{status.st_size} {status.st_mtime_ns}\0".encode())
        return digest.hexdigest()[:16]


def _open_cache(path: Path, compute: _Compute, size: int, photos: int, done: int) -> np.memmap:
    """The file as it was left, or a new one, for what `compute` makes of so many photos."""
    if done:
        return np.lib.format.open_memmap(path, mode="r+")
    with torch.inference_mode():
        blank = _to_array(compute(torch.zeros(1, size, size, 3, dtype=torch.uint8)))
    shape = (photos, *blank.shape[1:])
    try:
        cache = np.lib.format.open_memmap(path, mode="w+", dtype=blank.dtype, shape=shape)
        # A full disk says so now; what is written to the map would end the process. macOS has no such call.
        if hasattr(os, "posix_fallocate"):
            with open(path, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None
    return cache


def _to_array(computed: Tensor) -> np.ndarray:
    """Numbers as fp16; pixels stay bytes."""
    return (computed.half() if computed.is_floating_point() else computed).numpy()


def _cut_view(photo: Path, view: int, size: int, seed: int) -> np.ndarray:
    # A decoder fed damaged bytes raises whatever its code runs into.
    try:
        with Image.open(photo, formats=find_formats()) as opened:
            opened.load()
            image = to_rgb(turn_upright(opened, read_orientation(opened)))
    except Exception as error:
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
