"""Taggers on disk: reads and writes a .safetensors with `weight` and `bias`; the names are in its header."""

from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from indexer.tagger.config import TaggerConfig
from retrieval.checkpoint_file import Header, read_checkpoint, require_shapes, write_checkpoint


class TaggerHeader(Header):
    """The classes' names, the encoder whose annotations are read, and how good the tagger was.

    Each of the C classes has one name or more. `figures` are measured on the validation split.
    """

    KIND: ClassVar[str] = "tagger"
    MADE_BY: ClassVar[str] = "retrieve train tagger"

    config: TaggerConfig
    channels: int = Field(gt=0)
    names: tuple[tuple[str, ...], ...] = Field(min_length=1)
    image_encoder_sha256: str
    data: str
    figures: dict[str, float]


def save_tagger(path: Path, weight_CD: np.ndarray, bias_C: np.ndarray, header: TaggerHeader) -> None:
    """Write the map from pooled annotations (D) to classes (C) with its header."""
    write_checkpoint(path, {"weight": weight_CD, "bias": bias_C}, header)


def read_tagger(path: Path) -> tuple[np.ndarray, np.ndarray, TaggerHeader]:
    """The weight (C, D) and bias (C,), float32, and the header.

    Raises:
        CheckpointError: no tagger there, or its weights do not fit its header.
    """
    tensors, header = read_checkpoint(path, TaggerHeader)
    classes = len(header.names)
    require_shapes(
        path, tensors, {"weight": (classes, header.channels), "bias": (classes,)}, TaggerHeader.KIND
    )
    return tensors["weight"], tensors["bias"], header
