"""Photos of an index looked at again, for a search that ranks them again: reads their files; writes nothing.

Shapes: N photos, S pixels a side, E dimensions of an image vector.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from indexer.captioner.attention_captioner import AttentionCaptioner, load_attention_captioner
from indexer.captioner.decoder import Annotated
from indexer.captioner.loading import find_checkpoint
from indexer.config import IndexConfig
from indexer.describing.describer import require_annotations
from indexer.image_head.image_head import ImageHead, load_image_head
from indexer.model_paths import find_image_head, find_image_tower
from indexer.photo_files.photo_file import read_photo
from indexer.pixels.decode import MOST_MEGAPIXELS, decode_photo
from retrieval.cache import Cache
from retrieval.captioned_dataset import tokenize
from retrieval.device import count_cores, require_torch_device
from retrieval.errors import CheckpointError, PhotoError
from retrieval.naming import name_first
from retrieval.runtime import Runtime
from retrieval.search.reranking import IndexedPhoto, RerankConfig, Seen
from retrieval.store.files import hash_bytes

logger = logging.getLogger(__name__)

_PHOTOS_AT_ONCE = 16
_MEGABYTE = 10**6


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """One photo's mirror image: what the captioner reads of it, and its image vector."""

    annotated: Annotated
    vector_E: np.ndarray

    @property
    def bytes(self) -> int:
        return sum(part.nbytes for part in self.annotated) + self.vector_E.nbytes


class PhotoLook:
    """A captioner and an image head that look at photos' mirror images; what they saw last is kept.

    The mirror image shows the same, and is news to the models. Kept are φ and its attention keys, in the
    precision that the captioner computes in, and the image vector: with the shipped models 144 · (384 + 128)
    numbers and 512, 149 kB a photo where the first are bfloat16.
    """

    def __init__(
        self, captioner: AttentionCaptioner, image_head: ImageHead | None = None, memory_mb: int = 512
    ) -> None:
        """Without an `image_head` there are no image vectors.

        Raises:
            RetrievalError: the head was trained on another CNN's annotations.
        """
        dimension = 0
        self.image_head_sha256: str | None = None
        if image_head is not None:
            require_annotations(captioner, "image head", image_head.name, image_head.image_encoder_sha256)
            dimension, self.image_head_sha256 = image_head.dimension, image_head.weights_sha256
        self._nothing = np.nan, np.full(dimension, np.nan, dtype=np.float32)
        self._captioner = captioner
        self._image_head = image_head
        self._kept = Cache[str, _Sight](memory_mb * _MEGABYTE, lambda _, sight: sight.bytes)
        self._missed = set[str]()
        self._lock = threading.Lock()
        self._asked: tuple[str, ...] = ()
        self._answers = dict[str, tuple[float, np.ndarray]]()

    def look(self, sentence: str, photos: Sequence[IndexedPhoto], vectors: bool = True) -> Seen | None:
        """As `SecondLook.look`; the photos that cannot be read are named once, on the log.

        The words are taken as they are in training; what the captioner has no word for is left out.
        """
        words = self._captioner.find_words(tokenize(sentence))
        if not words and not (vectors and self._image_head):
            return None
        with self._lock:
            known = self._answers if words == self._asked else {}
            new = [photo for photo in photos if photo.image_id not in known]
            known = known | self._answer(words, new)
            asked = [photo.image_id for photo in photos]
            # Of these photos alone: query after query may ask for others in the same words, or in none.
            self._asked, self._answers = words, {each: known[each] for each in asked if each in known}
            answers = [known.get(each, self._nothing) for each in asked]
        nats, vectors_E = zip(*answers, strict=True)
        return Seen(np.array(nats), np.stack(vectors_E) if self._image_head else None)

    def _answer(
        self, words: Sequence[str], photos: Sequence[IndexedPhoto]
    ) -> dict[str, tuple[float, np.ndarray]]:
        """Nats and image vector by image_id, without the photos that cannot be read."""
        sights = self._see(photos)
        nats = [0.0] * len(sights)
        if sights and words:
            annotated = [sight.annotated for sight in sights.values()]
            nats = self._captioner.measure_log_likelihood(annotated, words).tolist()
        vectors = [sight.vector_E for sight in sights.values()]
        return dict(zip(sights, zip(nats, vectors, strict=True), strict=True))

    def _see(self, photos: Sequence[IndexedPhoto]) -> dict[str, _Sight]:
        """What is seen in each photo that can be read, by image_id."""
        seen = {photo.image_id: self._kept.get(photo.image_id) for photo in photos}
        unseen = [photo for photo in photos if seen[photo.image_id] is None]
        with ThreadPoolExecutor(count_cores()) as threads:
            decoded = zip(unseen, threads.map(self._decode, unseen), strict=True)
            while batch := list(islice(decoded, _PHOTOS_AT_ONCE)):
                there = {photo.image_id: pixels for photo, pixels in batch if pixels is not None}
                if there:
                    seen |= zip(there, self._look_at(np.stack(list(there.values()))), strict=True)
        found = {image_id: each for image_id, each in seen.items() if each is not None}
        self._tell([photo for photo in unseen if photo.image_id not in found], len(photos))
        for photo in unseen:
            if photo.image_id in found:
                self._kept.keep(photo.image_id, found[photo.image_id])
        return found

    def _look_at(self, pixels_BSSC: np.ndarray) -> list[_Sight]:
        a_BLD = self._captioner.encode(np.ascontiguousarray(pixels_BSSC[:, :, ::-1]))
        vectors_BE = np.empty((len(a_BLD), 0), dtype=np.float32)
        if self._image_head is not None:
            vectors_BE = self._image_head.encode(a_BLD)
        # Copies: a view of one photo's would keep the whole batch in memory.
        vectors = map(np.copy, vectors_BE)
        return [_Sight(*each) for each in zip(self._captioner.annotate(a_BLD), vectors, strict=True)]

    def _decode(self, photo: IndexedPhoto) -> np.ndarray | None:
        """Pixels uint8 (S, S, 3) of the first file that still has the content; None where none has it."""
        for path in photo.paths:
            try:
                data = read_photo(path).data
                if hash_bytes(data) == photo.image_id:
                    size = self._captioner.image_size
                    # The same bytes went through the limits of `retrieve index` once.
                    return decode_photo(data, size, MOST_MEGAPIXELS).pixels_HWC
            except PhotoError:
                continue
        return None

    def _tell(self, photos: Sequence[IndexedPhoto], of: int) -> None:
        new = [photo for photo in photos if photo.image_id not in self._missed]
        if new:
            self._missed.update(photo.image_id for photo in new)
            logger.warning(
                "%d of the first %d photos (%s) cannot be read as they were indexed; they gain what the "
                "others gain on average; index again",
                len(new),
                of,
                name_first([str(photo.paths[0]) for photo in new]),
            )


def load_second_look(config: RerankConfig, device: str) -> PhotoLook:
    """The models of a config, as `retrieval.search.reranking.load_reranker` asks for them.

    Raises:
        CheckpointError: there is no such captioner or image head, or the captioner is one of transformers.
        RetrievalError: the image head was trained on another CNN's annotations.
        UsageError: `cuda` on a machine without a GPU.
    """
    checkpoint = find_checkpoint(config.captioner)
    if checkpoint is None:
        raise CheckpointError(
            f"found the captioner {config.captioner}, which says no likelihoods, expected one of `retrieve "
            'train captioner`, or "default"'
        )
    models = IndexConfig(captioner=config.captioner, image_head=config.image_head)
    if find_image_tower(models) is not None:
        raise CheckpointError(
            f"found the image head {config.image_head} to rank again with, expected one of `retrieve train "
            'image-head`, "default" or "none"'
        )
    captioner = load_attention_captioner(
        checkpoint,
        require_torch_device(device),
        runtime=Runtime.AUTO,
        enlarged=config.enlarged,
        writes=False,
    )
    head = find_image_head(models)
    return PhotoLook(captioner, None if head is None else load_image_head(head), config.memory_mb)
