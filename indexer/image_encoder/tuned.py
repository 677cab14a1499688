"""EfficientNet-Lite as it was fine-tuned on captions: reads and writes one .safetensors.

The ImageNet classifier over it is not in there.
"""

from pathlib import Path
from typing import ClassVar

from pydantic import PositiveInt

from indexer.checkpoint_weights import copy_weights
from indexer.image_encoder.efficientnet_lite import VARIANTS, EfficientNetLite
from indexer.image_encoder.encoder import ImageEncoder, Pixels
from retrieval.checkpoint_file import Header, read_checkpoint, write_checkpoint
from retrieval.errors import CheckpointError
from retrieval.store.files import hash_bytes, hash_file


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


def save_tuned(path: Path, network: EfficientNetLite, header: TunedHeader) -> None:
    """Write the weights of a network whose batch norms are folded."""
    weights = network.trunk_parameters()
    write_checkpoint(
        path, {name: weight.detach().float().cpu().numpy() for name, weight in weights.items()}, header
    )


def load_tuned(path: Path) -> ImageEncoder:
    """The encoder that was fine-tuned, batch norms folded; the classifier of its network has random weights.

    Raises:
        CheckpointError: no fine-tuned encoder there, or its weights are those of another network.
    """
    tensors, header = read_checkpoint(path, TunedHeader)
    if header.base not in VARIANTS:
        raise CheckpointError(
            f"{path} was fine-tuned from {header.base!r}, expected one of {', '.join(VARIANTS)}; name another"
        )
    network = EfficientNetLite(VARIANTS[header.base]).fold_batch_norms()
    copy_weights(path, tensors, network.trunk_parameters(), header.base)
    weights_sha256 = hash_bytes(f"{header.base_sha256} {hash_file(path)}".encode())
    return ImageEncoder(path.stem, weights_sha256, network, Pixels(header.image_size)).eval()
