"""Decoded photos → captions → vectors → rows. Reads what the decoders yield; writes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from indexer.captioner.captioner import Caption
from indexer.describing.describer import Describer, Description
from indexer.pipeline.conveyor import Conveyor
from indexer.pipeline.profile import Profile
from indexer.pixels.decode import DecodedPhoto
from indexer.pixels.decode_pool import ReadPhoto
from retrieval.device import one_blas_thread
from retrieval.store.schema import PhotoRow, Status, StoredAttention, StoredCaption

_NO_PIXELS = np.empty((0, 0, 3), dtype=np.uint8)

_Batch = Sequence[tuple[ReadPhoto, DecodedPhoto]]


def make_rows(
    reads: Iterable[ReadPhoto], describer: Describer, batch_photos: int, profile: Profile | None = None
) -> Iterator[ReadPhoto]:
    """The files without their pixels, with a row of each photo that was decoded or failed.

    `batch_photos` go through the models at once. Files that need no captioning come out as they come in; the
    others, in their order, when a few batches more are full: the models work at once, each on another batch.
    """
    profile = profile or Profile()
    stages = [profile.timed(name, stage) for name, stage in describer.stages]
    with one_blas_thread(), closing(Conveyor[_Batch](stages)) as conveyor:
        batch: list[tuple[ReadPhoto, DecodedPhoto]] = []
        for read in reads:
            if read.photo is None:
                yield replace(read, row=_to_failed_row(read)) if read.reason else read
                continue
            batch.append((replace(read, photo=None), read.photo))
            if len(batch) >= batch_photos:
                views, full = _view(batch), _without_pixels(batch)
                batch = []
                yield from _to_found(conveyor.put(full, views))
        if batch:
            yield from _to_found(conveyor.put(_without_pixels(batch), _view(batch)))
        yield from _to_found(conveyor.empty())


def store_attention(caption: Caption) -> StoredAttention | None:
    """A caption's attention in 8 bits: 255 is the largest weight of each word."""
    if caption.attention_TRC is None or not caption.words:
        return None
    largest_T11 = caption.attention_TRC.max(axis=(1, 2), keepdims=True)
    scaled_TRC = caption.attention_TRC / np.maximum(largest_T11, np.finfo(np.float32).tiny)
    return StoredAttention(caption.words, np.rint(255 * scaled_TRC).astype(np.uint8))


def _view(batch: _Batch) -> tuple[np.ndarray, np.ndarray | None]:
    """What a describer looks at."""
    framed = [photo.framed_HWC for _, photo in batch if photo.framed_HWC is not None]
    return np.stack([photo.pixels_HWC for _, photo in batch]), np.stack(framed) if framed else None


def _without_pixels(batch: _Batch) -> _Batch:
    """What rows need of the photos: their pixels go their own way, and are not to wait for the rows."""
    return [(read, replace(photo, pixels_HWC=_NO_PIXELS, framed_HWC=None)) for read, photo in batch]


def _to_found(described: Iterable[tuple[_Batch, Sequence[Description]]]) -> Iterator[ReadPhoto]:
    for batch, descriptions in described:
        for (read, photo), description in zip(batch, descriptions, strict=True):
            yield replace(read, row=_to_row(read, photo, description))


def _to_row(read: ReadPhoto, photo: DecodedPhoto, description: Description) -> PhotoRow:
    main, *_ = description.captions
    return PhotoRow(
        image_id=read.image_id,
        paths=(),
        status=Status.INDEXED,
        bytes=read.bytes,
        width=photo.width,
        height=photo.height,
        orientation=photo.orientation,
        taken=photo.taken,
        camera=photo.camera,
        captions=tuple(StoredCaption(caption.text, caption.logprob) for caption in description.captions),
        attention=store_attention(main),
        tags=description.tags,
        caption_vector=description.caption_vector,
        image_vector=description.image_vector,
    )


def _to_failed_row(read: ReadPhoto) -> PhotoRow:
    return PhotoRow(read.image_id, (), Status.FAILED, reason=read.reason, bytes=read.bytes)
