"""Trained heads on disk: reads and writes a .safetensors with `image.…` and `text.…` weights."""

from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor

from indexer.checkpoint_weights import copy_weights
from indexer.image_head.config import ImageHeadConfig
from indexer.image_head.heads import Heads
from indexer.image_head.hubs import QUERY_COORDINATE, Hubs
from retrieval.checkpoint_file import Header, read_checkpoint, write_checkpoint


class ImageHeadHeader(Header):
    """Every hyper-parameter, the models on both sides of the heads, and how good the heads were.

    `channels` is the size D of the annotations and `sentence_dimension` that of the sentence vectors; the
    hashes are those of the models that made them. `bank` is how many captions the hubs are measured with; 0
    for no hubs. `figures` are scores on the validation split.
    """

    KIND: ClassVar[str] = "image head"
    MADE_BY: ClassVar[str] = "retrieve train image-head"

    config: ImageHeadConfig
    channels: int
    sentence_dimension: int
    image_encoder_sha256: str
    text_encoder_sha256: str
    data: str
    bank: int = 0
    figures: dict[str, float]

    def build_heads(self) -> Heads:
        """Both heads in this shape, their weights random."""
        hubs = None
        if self.bank:
            config = self.config.hubs
            hubs = Hubs(self.bank, self.sentence_dimension, config.temperature, config.weight)
        return Heads(self.config.heads, self.channels, self.sentence_dimension, hubs)


def save_heads(path: Path, heads: Heads, header: ImageHeadHeader) -> None:
    """Write the heads' weights with their header."""
    write_checkpoint(path, {name: weight.numpy() for name, weight in _weights(heads).items()}, header)


def read_heads(path: Path) -> tuple[Heads, dict[str, np.ndarray], ImageHeadHeader]:
    """The heads in evaluation mode, fp32; the text head's tensors (see `retrieval.text.text_head`); header.

    Raises:
        CheckpointError: no image head there, or its weights do not fit its header.
    """
    tensors, header = read_checkpoint(path, ImageHeadHeader)
    heads = header.build_heads()
    copy_weights(path, tensors, _weights(heads), "image head")
    text = {
        name.removeprefix("text."): tensor for name, tensor in tensors.items() if name.startswith("text.")
    }
    if heads.hubs is not None:
        text["coordinate"] = np.array([QUERY_COORDINATE], dtype=np.float32)
    return heads.eval(), text, header


def _weights(heads: Heads) -> dict[str, Tensor]:
    """All but the temperature, which only training needs."""
    return {name: weight for name, weight in heads.state_dict().items() if "." in name}
