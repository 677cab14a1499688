"""A photo outside the index as a vector of one of its channels. Reads the models' weights; writes nothing."""

from typing import NamedTuple

import numpy as np

from indexer.config import IndexConfig
from indexer.describing.describer import DIFFERENCE, Describer, load_describer
from indexer.pixels.decode import decode_photo
from retrieval.channel import Channel
from retrieval.errors import RetrievalError
from retrieval.store.manifest import Manifest, ModelRecord


class PhotoVector(NamedTuple):
    """float32 (D,) of unit length, and the channel with whose vectors it can be compared."""

    channel: Channel
    vector_D: np.ndarray


def encode_photo(data: bytes, manifest: Manifest, config: IndexConfig, device: str) -> PhotoVector:
    """The vector that the index would hold of the photo in these bytes.

    It is the image vector or, where the index has no image head, that of the caption.

    Raises:
        PhotoError: no photo.
        RetrievalError: the config names other models than those that made the index.
        CheckpointError, UsageError: as `load_models`.
    """
    describer = load_describer(config, device)
    made_with = manifest.captioner
    if made_with.sha256 != describer.fingerprint:
        raise RetrievalError(_describe_difference(describer, made_with))
    photo = decode_photo(data, describer.image_size, config.max_megapixels, describer.framing)
    framed_1FFC = None if photo.framed_HWC is None else photo.framed_HWC[None]
    (description,) = describer.describe(photo.pixels_HWC[None], framed_1FFC)
    if description.image_vector is not None:
        return PhotoVector(Channel.IMAGE, description.image_vector)
    return PhotoVector(Channel.CAPTION, description.caption_vector)


def _describe_difference(describer: Describer, made_with: ModelRecord) -> str:
    expected = (
        f"found the models {describer.name} ({describer.fingerprint[:12]}…) in the config, expected "
        f"{made_with.name} ({made_with.sha256[:12]}…), which made the index; "
    )
    if made_with.name == describer.name:
        return (
            f"{expected}models {DIFFERENCE}: name the config that it was made with, or caption its photos "
            "again: `retrieve index PHOTOS --recaption`"
        )
    return f"{expected}name the config that it was made with"
