"""Backbones of the `transformers` library as trunks. Reads weights; downloads one given by name."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from indexer.image_encoder.encoder import ImageEncoder, Pixels
from retrieval.pretrained.cached_first import load_cached_first
from retrieval.pretrained.quiet_loading import quiet_loading
from retrieval.pretrained.whole_weights import load_weights

# Norms of feature maps: as they begin they only normalise. A checkpoint made for classes has none of them.
_MAY_BE_MISSING = "hidden_states_norms."


class BackboneTrunk(nn.Module):
    """A `transformers` backbone that gives its last feature map, or all that it was asked for."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → feature map (B, D, rows, columns)."""
        return self.maps(x_BCHW)[-1]

    def maps(self, x_BCHW: Tensor) -> tuple[Tensor, ...]:
        """Normalised pixels (B, 3, H, W) → feature maps, finest first."""
        return cast(tuple[Tensor, ...], self.backbone(x_BCHW).feature_maps)


def load_backbone(name_or_path: str, maps: int) -> ImageEncoder:
    """The backbone of that name or in that folder, giving its last so many feature maps; safetensors only.

    Its weights are taken as float32. Where there is none, `transformers` raises `OSError`, `ValueError`,
    `KeyError`, `ImportError`, `RuntimeError` or `SafetensorError`; where weights are missing it is a
    `ValueError` as well.
    """
    with quiet_loading():
        return load_cached_first(name_or_path, partial(_load, name_or_path, maps))


def _load(name_or_path: str, maps: int, offline: bool) -> ImageEncoder:
    from transformers import AutoBackbone, AutoConfig, ImageProcessingMixin

    config = AutoConfig.from_pretrained(name_or_path, local_files_only=offline, trust_remote_code=False)
    # AutoBackbone.from_pretrained asks the model hub even for a local folder; the class it picks doesn't.
    architecture: Any = type(AutoBackbone.from_config(config, trust_remote_code=False))
    config.out_features = config.stage_names[-maps:]
    backbone, missing = load_weights(architecture, name_or_path, offline, config=config)
    processor, _ = ImageProcessingMixin.get_image_processor_dict(name_or_path, local_files_only=offline)
    if missing := [key for key in missing if not key.startswith(_MAY_BE_MISSING)]:
        raise ValueError(f"found no {missing[0]}, {len(missing)} weights are missing")
    name, trunk = Path(name_or_path).name, BackboneTrunk(backbone)
    return ImageEncoder(name, _hash_weights(backbone), trunk, _read_pixels(processor)).eval()


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
