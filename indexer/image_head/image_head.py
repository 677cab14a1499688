"""Image heads as they are used. Reads checkpoints; writes nothing."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from indexer.image_head.checkpoint import ImageHeadHeader, read_heads
from indexer.image_head.heads import Heads
from retrieval.store.files import hash_file
from retrieval.store.manifest import HeadRecord
from retrieval.text.text_head import TextHead, write_text_head


class ImageHead:
    """A trained image head: annotations → vectors of the space in which sentences are searched.

    Shapes: B photos, L locations, D annotation channels, E dimensions of the space.
    """

    def __init__(self, heads: Heads, text: TextHead, header: ImageHeadHeader, name: str, sha256: str) -> None:
        """`text` is the side that sentences go through; `sha256` the hash of the weights of both sides."""
        self.name = name
        self.weights_sha256 = sha256
        self.text = text
        self.image_encoder_sha256 = header.image_encoder_sha256
        self.text_encoder_sha256 = header.text_encoder_sha256
        self.dimension = text.dimension
        self._heads = heads

    @torch.inference_mode()
    def encode(self, *views_BLD: Tensor) -> np.ndarray:
        """Annotations of the photos, or of several views of them → unit vectors float32 (B, E)."""
        pooled_BP = torch.stack([self._heads.image.pool(a_BLD) for a_BLD in views_BLD]).mean(dim=0).cpu()
        vectors_BE: np.ndarray = self._heads.embed_photos(pooled_BP, self._projected_bank).numpy()
        return vectors_BE

    def leave(self, index: Path) -> HeadRecord:
        """As `ImageSpace.leave`: the side that sentences go through is kept with the index."""
        return write_text_head(index, self.text, self.name, self.weights_sha256)

    @cached_property
    def _projected_bank(self) -> Tensor:
        return self._heads.embed_bank()


def load_image_head(path: Path) -> ImageHead:
    """The head in a .safetensors of `retrieve train image-head`.

    Raises:
        CheckpointError: no image head there.
    """
    heads, text, header = read_heads(path)
    sha256 = hash_file(path)
    return ImageHead(heads, TextHead(text), header, path.stem, sha256)
