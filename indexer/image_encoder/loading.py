"""Finds an image encoder by name or path. Reads weights; downloads a `transformers` backbone only by name."""

import hashlib
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from indexer.image_encoder.efficientnet_lite import VARIANTS, load_efficientnet_lite
from indexer.image_encoder.encoder import ImageEncoder, Pixels
from indexer.image_encoder.tuned import apply_tuned_layers, read_tuned_layers
from retrieval.errors import CheckpointError

_SHIPPED = {
    "efficientnet-lite2-flickr8k": Path(__file__).parent
    / "weights"
    / "efficientnet-lite2-flickr8k.safetensors"
}


class _LastFeatureMap(nn.Module):
    """Adapts a `transformers` backbone to return its last feature map alone."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return cast(Tensor, self.backbone(x_BCHW).feature_maps[-1])


def load_image_encoder(name_or_path: str) -> ImageEncoder:
    """A built-in encoder by name, the .safetensors of a fine-tuned one, or a `transformers` backbone.

    Built in are EfficientNet-Lite with ImageNet's weights and, shipped with the program, the one that was
    fine-tuned on Flickr8k.

    Raises:
        CheckpointError: there is no such encoder, or its file is not what it should be.
        InstallationError: the package with its weights is missing.
    """
    if name_or_path in _SHIPPED or name_or_path.endswith(".safetensors"):
        tuned = read_tuned_layers(_SHIPPED.get(name_or_path, Path(name_or_path)))
        return apply_tuned_layers(tuned, _load_lite(tuned.header.base))
    if name_or_path in VARIANTS:
        return _load_lite(name_or_path)
    return _load_backbone(name_or_path)


def _load_lite(name: str) -> ImageEncoder:
    if name not in VARIANTS:
        raise CheckpointError(f"found the network {name!r}, expected one of {', '.join(VARIANTS)}")
    variant = VARIANTS[name]
    pixels = Pixels(variant.image_size, (127.0,) * 3, (128.0,) * 3)
    return ImageEncoder(name, variant.weights_sha256, load_efficientnet_lite(name), pixels).eval()


def _load_backbone(name_or_path: str) -> ImageEncoder:
    from transformers import AutoBackbone, AutoConfig, ImageProcessingMixin

    try:
        # AutoBackbone.from_pretrained asks the model hub even for a local folder; the class it picks doesn't.
        architecture = type(AutoBackbone.from_config(AutoConfig.from_pretrained(name_or_path)))
        backbone = architecture.from_pretrained(name_or_path, use_safetensors=True)
        processor, _ = ImageProcessingMixin.get_image_processor_dict(name_or_path)
        pixels = _read_pixels(processor)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(
            f"no image encoder {name_or_path!r} ({reason}); built in: {', '.join([*VARIANTS, *_SHIPPED])}; "
            "any other must be a backbone of the transformers library, by name or local path, in safetensors"
        ) from None
    name = Path(name_or_path).name
    return ImageEncoder(name, _hash_weights(backbone), _LastFeatureMap(backbone), pixels).eval()


def _read_pixels(processor: dict[str, Any]) -> Pixels:
    """From a preprocessor_config.json; older ones give the size as a bare number."""
    size = processor["size"]
    if isinstance(size, dict):
        size = size["shortest_edge"] if "shortest_edge" in size else size["height"]
    mean, scale = (tuple(255.0 * x for x in processor[key]) for key in ("image_mean", "image_std"))
    return Pixels(size, mean, scale)


def _hash_weights(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, weight in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.cpu().contiguous().view(torch.uint8).numpy().tobytes() if weight.dim() else b"")
    return digest.hexdigest()
