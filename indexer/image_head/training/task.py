"""What `retrieve train image-head` trains: both heads on pooled annotations. Reads and writes nothing."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from indexer.image_head.config import HeadTrainingConfig
from indexer.image_head.heads import Heads
from indexer.image_head.training.examples import Sampled, sample_batches
from indexer.image_head.training.info_nce import info_nce
from indexer.training.recall import MEAN_RECALL, measure_recall


@dataclass(frozen=True, slots=True, eq=False)
class HeadData:
    """Pooled annotations and sentence vectors of the training and the validation photos."""

    pooled_VNP: Tensor
    sentences_NKT: Tensor
    validation_NP: Tensor
    validation_NKT: Tensor


class HeadTask:
    """InfoNCE between photos and their captions; recall of an image search on the validation photos."""

    metric = MEAN_RECALL

    def __init__(self, model: Heads, data: HeadData, config: HeadTrainingConfig) -> None:
        self.model = model
        self.steps = math.ceil(data.pooled_VNP.shape[1] / config.batch)
        self._data = data
        self._config = config

    def batches(self, random: np.random.Generator) -> Iterator[Sampled]:
        """As `Task.batches`."""
        views, photos = self._data.pooled_VNP.shape[:2]
        captions = self._data.sentences_NKT.shape[1]
        return sample_batches(photos, views, captions, self._config.batch, self._config.negatives, random)

    def loss(self, batch: Sampled) -> Tensor:
        """As `Task.loss`."""
        pooled_BP = self._data.pooled_VNP[batch.views_B, batch.numbers_B]
        return contrast(self.model, self.model.image(pooled_BP), self._data.sentences_NKT, batch)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """As `Task.validate`."""
        heads = cast(Heads, model).eval()
        heads.settle_hubs(self._data.validation_NP)
        return search_validation(heads, self._data.validation_NP, self._data.validation_NKT)


def contrast(heads: Heads, image_BE: Tensor, sentences_NKT: Tensor, batch: Sampled) -> Tensor:
    """InfoNCE of a batch whose photos went through the image head already."""
    own_BKT = sentences_NKT[batch.numbers_B]
    further_MT = sentences_NKT[batch.further_M2[:, 0], batch.further_M2[:, 1]]
    text_NE = heads.text(torch.cat([own_BKT.flatten(0, 1), further_MT]))
    own_NE, further_ME = text_NE.split([own_BKT.shape[0] * own_BKT.shape[1], len(further_MT)])
    own_BM = batch.find_own().to(image_BE.device)
    return info_nce(image_BE, own_NE.view(*own_BKT.shape[:2], -1), further_ME, own_BM, heads.scale)


@torch.inference_mode()
def search_validation(heads: Heads, pooled_NP: Tensor, sentences_NKT: Tensor) -> dict[str, float]:
    """Recall of the photos by their own captions, of heads in evaluation mode."""
    queries_QE = heads.embed_sentences(sentences_NKT.flatten(0, 1)).cpu().numpy()
    photos_NE = heads.embed_photos(pooled_NP).cpu().numpy()
    answers_Q = np.repeat(np.arange(len(photos_NE)), sentences_NKT.shape[1])
    return measure_recall(queries_QE, photos_NE, answers_Q)
