"""Trunks without weights, by name, which a captioner's training learns. Reads and writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from indexer.image_encoder.backbone import BackboneTrunk
from indexer.image_encoder.encoder import Pixels
from indexer.image_encoder.hrnet import HighResolutionTrunk
from indexer.image_encoder.learned import Neck, UntrainedEncoder
from indexer.image_encoder.residual import GROUPS


@dataclass(frozen=True, slots=True)
class _Design:
    build: Callable[[], nn.Module]
    image_size: int


def make_untrained_encoder(name: str, neck: Neck) -> UntrainedEncoder:
    """The trunk called `name` in `UNTRAINED`, with random weights."""
    design = UNTRAINED[name]
    return UntrainedEncoder(name, design.build(), Pixels(design.image_size), neck)


def _build_resnet() -> nn.Module:
    """ResNet-18 (He et al. 2016) of half the width, from `transformers`.

    Its batch norms are replaced by group norms: batches are small, and nothing is kept besides the weights.
    """
    from transformers import AutoBackbone, ResNetConfig

    config = ResNetConfig(
        embedding_size=32, hidden_sizes=[32, 64, 128, 256], depths=[2, 2, 2, 2], layer_type="basic"
    )
    config.out_features = ["stage3", "stage4"]
    backbone = AutoBackbone.from_config(config)
    for module in list(backbone.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.GroupNorm(GROUPS, child.num_features))
    return BackboneTrunk(backbone)


UNTRAINED = {"hrnet": _Design(HighResolutionTrunk, 128), "resnet": _Design(_build_resnet, 192)}
