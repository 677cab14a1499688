"""EfficientNet-Lite as it was fine-tuned on captions: reads and writes one .safetensors.

The ImageNet classifier over it is not in there.
"""

import hashlib
from pathlib import Path
from typing import ClassVar, NamedTuple, cast

import numpy as np
from pydantic import PositiveInt

from indexer.checkpoint_weights import copy_weights
from indexer.image_encoder.efficientnet_lite import EfficientNetLite
from indexer.image_encoder.encoder import ImageEncoder
from retrieval.checkpoint_file import Header, read_checkpoint, write_checkpoint
from retrieval.errors import CheckpointError
from retrieval.store.files import hash_file


class TunedHeader(Header):
    """Which network was fine-tuned, on what, and how good its photos' vectors were.

    It sees photos at `image_size` pixels a side; `figures` are scores on the validation split.
    """

    KIND: ClassVar[str] = "fine-tuned image encoder"
    MADE_BY: ClassVar[str] = "retrieve train image-encoder"

    base: str
    base_sha256: str
    image_size: PositiveInt
    data: str
    figures: dict[str, float]


class TunedWeights(NamedTuple):
    """What a checkpoint holds: where it lies, the weights by name, and its header."""

    path: Path
    tensors: dict[str, np.ndarray]
    header: TunedHeader


def save_tuned(path: Path, network: EfficientNetLite, header: TunedHeader) -> None:
    """Write the weights of a network whose batch norms are folded."""
    weights = network.trunk_parameters()
    write_checkpoint(
        path, {name: weight.detach().float().cpu().numpy() for name, weight in weights.items()}, header
    )


def read_tuned(path: Path) -> TunedWeights:
    """The weights that were fine-tuned, and how.

    Raises:
        CheckpointError: no fine-tuned encoder there.
    """
    return TunedWeights(path, *read_checkpoint(path, TunedHeader))


def apply_tuned(tuned: TunedWeights, encoder: ImageEncoder) -> ImageEncoder:
    """The encoder that the header names as base, with these weights in place of its own, batch norms folded.

    Of the base only the classifier stays.

    Raises:
        CheckpointError: the weights are those of another network.
    """
    path, header = tuned.path, tuned.header
    if (encoder.name, encoder.weights_sha256) != (header.base, header.base_sha256):
        raise CheckpointError(
            f"{path} was fine-tuned from {header.base} of {header.base_sha256[:12]}…, found {encoder.name} "
            f"of {encoder.weights_sha256[:12]}…; install those weights, or train it again with these"
        )
    network = cast(EfficientNetLite, encoder.trunk).fold_batch_norms()
    weights = network.trunk_parameters()
    copy_weights(path, tuned.tensors, weights, header.base)
    encoder.name = path.stem
    encoder.weights_sha256 = hashlib.sha256(f"{header.base_sha256} {hash_file(path)}".encode()).hexdigest()
    return encoder
