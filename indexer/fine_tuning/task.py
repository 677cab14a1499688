"""What `retrieve train image-encoder` trains: a CNN under both heads. Reads memory maps.

Shapes: N photos, S pixels a side, B photos of a batch, K captions of each, T dimensions of a sentence vector,
D channels of an annotation.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from indexer.fine_tuning.augmentation import augment
from indexer.fine_tuning.config import ImageEncoderConfig
from indexer.image_encoder.efficientnet_lite import VARIANTS, EfficientNetLite
from indexer.image_encoder.encoder import ImageEncoder
from indexer.image_head.heads import Heads, ImageProjection
from indexer.image_head.training.examples import Sampled, sample_batches
from indexer.image_head.training.task import contrast, search_validation
from indexer.training.recall import MEAN_RECALL

_BATCH = 100


class TunedModel(nn.Module):
    """A CNN, its batch norms folded, and the heads over it."""

    def __init__(self, encoder: ImageEncoder, heads: Heads) -> None:
        """All filters learn; the biases, which the folding made, and the classifier stay as they are."""
        super().__init__()
        self.encoder = encoder
        self.network = cast(EfficientNetLite, encoder.trunk).fold_batch_norms()
        for name, weight in self.network.named_parameters():
            weight.requires_grad_(name.endswith(".weight") and not name.startswith("fc."))
        self.heads = heads

    def pool(self, pixels_BSSC: Tensor) -> Tensor:
        """Pixels 0…255 → pooled annotations (B, 2D)."""
        return ImageProjection.pool(self.encoder(pixels_BSSC))


@dataclass(frozen=True, slots=True, eq=False)
class TuningData:
    """Memory maps of the photos' pixels, uint8, and sentence vectors, on the device."""

    pixels_NSSC: np.ndarray
    sentences_NKT: Tensor
    validation_NSSC: np.ndarray
    validation_NKT: Tensor


class TuningTask:
    """InfoNCE between photos and their captions; recall of an image search on the validation photos."""

    metric = MEAN_RECALL

    def __init__(
        self, model: TunedModel, data: TuningData, config: ImageEncoderConfig, dtype: torch.dtype
    ) -> None:
        self.model = model
        self.steps = math.ceil(len(data.sentences_NKT) / config.training.batch)
        self._data = data
        self._config = config
        self._crop_size = VARIANTS[config.image_encoder].image_size
        self._dtype = dtype

    def batches(self, random: np.random.Generator) -> Iterator[Sampled]:
        """As `Task.batches`."""
        photos, captions = self._data.sentences_NKT.shape[:2]
        config = self._config.training
        return sample_batches(
            photos, views=1, captions=captions, batch=config.batch, negatives=config.negatives, random=random
        )

    def loss(self, batch: Sampled) -> Tensor:
        """As `Task.loss`."""
        heads, device = self.model.heads, self._data.sentences_NKT.device
        pixels_BSSC = torch.from_numpy(self._data.pixels_NSSC[batch.numbers_B]).to(device)
        seed = int(torch.randint(2**62, (1,)))  # which a run that carries on draws again
        generator = torch.Generator(device).manual_seed(seed)
        pixels_BSSC = augment(pixels_BSSC, self._crop_size, self._config.augmentation, generator)
        pooled_BP = self.model.pool(pixels_BSSC)
        return contrast(heads, heads.image(pooled_BP), self._data.sentences_NKT, batch)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """As `Task.validate`."""
        tuned = cast(TunedModel, model)
        pooled_NP = pool_all(tuned, self._data.validation_NSSC, self._dtype)
        return search_validation(tuned.heads.eval(), pooled_NP, self._data.validation_NKT)


@torch.inference_mode()
def pool_all(model: TunedModel, pixels_NSSC: np.ndarray, dtype: torch.dtype) -> Tensor:
    """Pooled annotations (N, 2D) of every photo, batch by batch."""
    device = model.heads.log_scale.device
    pooled = []
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        for start in range(0, len(pixels_NSSC), _BATCH):
            pixels_BSSC = torch.tensor(pixels_NSSC[start : start + _BATCH], device=device)
            pooled.append(model.pool(pixels_BSSC))
    return torch.cat(pooled)
