"""N-gram encoders on disk: reads and writes a .safetensors with `vectors`; the n-grams are in its header."""

from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from indexer.ngram_encoder.config import NgramEncoderConfig
from retrieval.checkpoint_file import Header, read_checkpoint, require_shapes, write_checkpoint
from retrieval.errors import CheckpointError


class NgramEncoderHeader(Header):
    """The n-grams, the captioner that said them, the encoder whose vectors they add up to, and how near.

    `words` are the fewest and the most words of a sentence that it was fitted to. `figures` are measured on
    the validation split.
    """

    KIND: ClassVar[str] = "n-gram encoder"
    MADE_BY: ClassVar[str] = "retrieve train ngram-encoder"

    config: NgramEncoderConfig
    dimension: int = Field(gt=0)
    ngrams: tuple[str, ...] = Field(min_length=1)
    words: tuple[int, int]
    captioner_sha256: str
    text_encoder_sha256: str
    data: str
    figures: dict[str, float]


def save_ngram_encoder(path: Path, vectors_GD: np.ndarray, header: NgramEncoderHeader) -> None:
    """Write the vectors (G, D) of the header's G n-grams."""
    write_checkpoint(path, {"vectors": vectors_GD}, header)


def read_ngram_encoder(path: Path) -> tuple[np.ndarray, NgramEncoderHeader]:
    """The vectors (G, D), float32, and the header.

    Raises:
        CheckpointError: no n-gram encoder there, or its weights do not fit its header, or are no numbers.
    """
    tensors, header = read_checkpoint(path, NgramEncoderHeader)
    shape = (len(header.ngrams), header.dimension)
    require_shapes(path, tensors, {"vectors": shape}, NgramEncoderHeader.KIND)
    vectors_GD = tensors["vectors"]
    if not (np.isfinite(vectors_GD).all() and vectors_GD.any()):
        raise CheckpointError(f"{path}: found vectors that are no numbers, or all zero; train it again")
    return vectors_GD, header
