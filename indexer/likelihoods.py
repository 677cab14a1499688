"""log p(sentence | photo) for photos of an index. Reads their files again, and a captioner; writes nothing.

Shapes: N photos, S pixels a side.
"""

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from indexer.captioner.attention_captioner import AttentionCaptioner
from indexer.captioner.decoder import Annotated
from indexer.captioner.loading import load_captioner
from indexer.decode import decode_photo
from indexer.photo_file import read_photo
from retrieval.captioned_dataset import tokenize
from retrieval.device import require_torch_device
from retrieval.errors import CheckpointError, PhotoError
from retrieval.naming import name_first
from retrieval.search.reranking import IndexedPhoto
from retrieval.store.files import hash_bytes

logger = logging.getLogger(__name__)

# The most that Pillow decodes: the same bytes went through the limits of `retrieve index` once.
_MAX_MEGAPIXELS = 178.0
_PHOTOS_AT_ONCE = 16
_MEGABYTE = 10**6

_Views = tuple[Annotated, Annotated]
"""A photo and its mirror image."""


class PhotoLikelihoods:
    """A captioner's likelihoods of sentences; what it saw in the photos that were asked for last is kept.

    It looks at each photo and at its mirror image, and takes the mean. What it saw is φ and its attention
    keys, in the precision that the captioner computes in: with the shipped one 2 · 100 · (512 + 256) numbers
    a photo, 307 kB where that is bfloat16.
    """

    def __init__(self, captioner: AttentionCaptioner, memory_mb: int = 512) -> None:
        self._captioner = captioner
        self._seen = _SeenPhotos(memory_mb * _MEGABYTE)
        self._missed = set[str]()
        self._lock = threading.Lock()
        self._asked: tuple[str, ...] = ()
        self._answers = dict[str, float]()

    def measure(self, sentence: str, photos: Sequence[IndexedPhoto]) -> np.ndarray | None:
        """As `Likelihoods.measure`; the photos that cannot be read are named once, on the log.

        The words are taken as they are in training; what the captioner has no word for is left out.
        """
        words = self._captioner.find_words(tokenize(sentence))
        if not words:
            return None
        with self._lock:
            if words != self._asked:
                self._asked, self._answers = words, {}
            new = [photo for photo in photos if photo.image_id not in self._answers]
            self._answers |= self._measure(words, new)
            return np.array([self._answers.get(photo.image_id, np.nan) for photo in photos])

    def _measure(self, words: Sequence[str], photos: Sequence[IndexedPhoto]) -> dict[str, float]:
        """Nats by image_id, without the photos that cannot be read."""
        seen = self._look(photos)
        if not seen:
            return {}
        views = [view for both in seen.values() for view in both]
        nats_N = self._captioner.measure_likelihood(views, words).reshape(-1, 2).mean(axis=1)
        return dict(zip(seen, nats_N.tolist(), strict=True))

    def _look(self, photos: Sequence[IndexedPhoto]) -> dict[str, _Views]:
        """What the captioner sees in each photo that can be read, by image_id."""
        seen = {photo.image_id: self._seen.recall(photo.image_id) for photo in photos}
        unseen = [photo for photo in photos if seen[photo.image_id] is None]
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            decoded = zip(unseen, threads.map(self._decode, unseen), strict=True)
            while batch := list(islice(decoded, _PHOTOS_AT_ONCE)):
                there = {photo.image_id: pixels for photo, pixels in batch if pixels is not None}
                if there:
                    pixels_BSSC = np.stack(list(there.values()))
                    mirrored_BSSC = np.ascontiguousarray(pixels_BSSC[:, :, ::-1])
                    views = map(self._captioner.annotate, (pixels_BSSC, mirrored_BSSC))
                    seen |= zip(there, zip(*views, strict=True), strict=True)
        found = {image_id: each for image_id, each in seen.items() if each is not None}
        self._tell([photo for photo in unseen if photo.image_id not in found], len(photos))
        for photo in unseen:
            if photo.image_id in found:
                self._seen.keep(photo.image_id, found[photo.image_id])
        return found

    def _decode(self, photo: IndexedPhoto) -> np.ndarray | None:
        """Pixels uint8 (S, S, 3) of the first file that still has the content; None where none has it."""
        for path in photo.paths:
            try:
                data = read_photo(path).data
                if hash_bytes(data) == photo.image_id:
                    size = self._captioner.image_size
                    return decode_photo(data, photo.image_id, size, _MAX_MEGAPIXELS).pixels_HWC
            except PhotoError:
                continue
        return None

    def _tell(self, photos: Sequence[IndexedPhoto], of: int) -> None:
        new = [photo for photo in photos if photo.image_id not in self._missed]
        if new:
            self._missed.update(photo.image_id for photo in new)
            logger.warning(
                "%d of the first %d photos (%s) cannot be read as they were indexed; they count as likely as "
                "the others are on average; index again",
                len(new),
                of,
                name_first([str(photo.paths[0]) for photo in new]),
            )


class _SeenPhotos:
    """Annotated photos by image_id, in at most so many bytes: the least recently used are dropped."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._photos: OrderedDict[str, _Views] = OrderedDict()

    def recall(self, image_id: str) -> _Views | None:
        """What was kept of a photo."""
        if image_id not in self._photos:
            return None
        self._photos.move_to_end(image_id)
        return self._photos[image_id]

    def keep(self, image_id: str, views: _Views) -> None:
        """Keep a photo, and drop what is too much."""
        self._photos[image_id] = views
        self._bytes += _count_bytes(views)
        while self._bytes > self._most:
            _, dropped = self._photos.popitem(last=False)
            self._bytes -= _count_bytes(dropped)


def _count_bytes(views: _Views) -> int:
    return sum(part.nbytes for view in views for part in view)


def load_likelihoods(captioner: str, device: str, memory_mb: int) -> PhotoLikelihoods:
    """The likelihoods of a captioner by name, as `retrieve.reranking.load_reranker` asks for them.

    Raises:
        CheckpointError: there is no such captioner, or it is one of transformers.
        UsageError: `cuda` on a machine without a GPU.
    """
    loaded = load_captioner(captioner, require_torch_device(device))
    if not isinstance(loaded, AttentionCaptioner):
        raise CheckpointError(
            f"found the captioner {loaded.name}, which says no likelihoods, expected one of `retrieve train "
            'captioner`, or "default"'
        )
    return PhotoLikelihoods(loaded, memory_mb)
