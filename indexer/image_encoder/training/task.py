"""What `retrieve train image-encoder` trains: a CNN's last blocks under both heads. Reads memory maps.

Shapes: V views, N photos, B photos of a batch, H×W pixels of a map, C channels.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from indexer.image_encoder.efficientnet_lite import EfficientNetLite
from indexer.image_encoder.training.config import TuningConfig
from indexer.image_head.heads import Heads, ImageHead
from indexer.image_head.training.examples import Sampled, sample_batches
from indexer.image_head.training.task import contrast, search_validation
from indexer.training.recall import MEAN_RECALL

_BATCH = 100


class TunedNetwork(nn.Module):
    """The network with its first blocks frozen, and the heads over it."""

    def __init__(self, network: EfficientNetLite, first_block: int, heads: Heads) -> None:
        """Batch norms are folded. Depthwise filters stay frozen too.

        They are a fiftieth of the weights, and their gradient takes three quarters of a step on a CPU.
        """
        super().__init__()
        self.network = network.fold_batch_norms()
        self.first_block = first_block
        self.heads = heads
        network.requires_grad_(False)
        for name, weight in network.upper_parameters(first_block).items():
            weight.requires_grad_("depthwise_conv" not in name)

    def pool(self, maps_BHWC: Tensor) -> Tensor:
        """What the first trained block reads → pooled annotations (B, 2D)."""
        features_BDHW = self.network.upper(maps_BHWC.permute(0, 3, 1, 2), self.first_block)
        return ImageHead.pool(features_BDHW.flatten(2).transpose(1, 2))


@dataclass(frozen=True, slots=True, eq=False)
class TuningData:
    """fp16 memory maps of what the first trained block reads, and sentence vectors."""

    maps_VNHWC: Sequence[np.ndarray]
    sentences_NKT: Tensor
    validation_NHWC: np.ndarray
    validation_NKT: Tensor


class TuningTask:
    """InfoNCE between photos and their captions; recall of an image search on the validation photos."""

    metric = MEAN_RECALL

    def __init__(
        self, model: TunedNetwork, data: TuningData, config: TuningConfig, dtype: torch.dtype
    ) -> None:
        self.model = model
        self.steps = math.ceil(len(data.sentences_NKT) / config.batch)
        self._data = data
        self._config = config
        self._dtype = dtype

    def batches(self, random: np.random.Generator) -> Iterator[Sampled]:
        """As `Task.batches`."""
        photos, captions = self._data.sentences_NKT.shape[:2]
        views, config = len(self._data.maps_VNHWC), self._config
        return sample_batches(photos, views, captions, config.batch, config.negatives, random)

    def loss(self, batch: Sampled) -> Tensor:
        """As `Task.loss`."""
        maps = [
            self._data.maps_VNHWC[view][number]
            for view, number in zip(batch.views_B, batch.numbers_B, strict=True)
        ]
        pooled_BP = self.model.pool(torch.from_numpy(np.stack(maps)).to(self._dtype))
        heads = self.model.heads
        return contrast(heads, heads.image(pooled_BP), self._data.sentences_NKT, batch)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """As `Task.validate`."""
        tuned = cast(TunedNetwork, model)
        pooled_NP = pool_all(tuned, self._data.validation_NHWC, self._dtype)
        return search_validation(tuned.heads, pooled_NP, self._data.validation_NKT)


@torch.inference_mode()
def pool_all(model: TunedNetwork, maps_NHWC: np.ndarray, dtype: torch.dtype) -> Tensor:
    """Pooled annotations (N, 2D) of every photo, batch by batch."""
    pooled = []
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        for start in range(0, len(maps_NHWC), _BATCH):
            maps_BHWC = torch.from_numpy(maps_NHWC[start : start + _BATCH].astype(np.float32)).to(dtype)
            pooled.append(model.pool(maps_BHWC))
    return torch.cat(pooled)
