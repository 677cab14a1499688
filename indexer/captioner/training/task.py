"""What `retrieve train captioner` trains: a captioner on what was cached. Writes nothing."""

import math
from collections.abc import Iterator
from typing import cast

import numpy as np
from torch import Tensor, nn

from indexer.captioner.config import TrainingConfig
from indexer.captioner.encoder_decoder import EncoderDecoder
from indexer.captioner.training.cross_entropy import cross_entropy_loss
from indexer.captioner.training.examples import Batch, Examples, iterate_batches
from indexer.captioner.training.validation import Validation


class CaptioningTask:
    """A captioner, teacher forcing over people's captions, and CIDEr of its own on the validation photos."""

    metric = "CIDEr"

    def __init__(
        self,
        model: EncoderDecoder,
        examples: Examples,
        validation: Validation,
        config: TrainingConfig,
    ) -> None:
        self.model = model
        self.steps = math.ceil(len(examples) / config.batch)
        self._examples = examples
        self._validation = validation
        self._config = config
        self._dtype = validation.dtype

    def batches(self, random: np.random.Generator) -> Iterator[Batch]:
        """As `Task.batches`."""
        return iterate_batches(self._examples, self._config.batch, self._dtype, random)

    def loss(self, batch: Batch) -> Tensor:
        """As `Task.loss`."""
        return cross_entropy_loss(self.model, batch, self._config)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """As `Task.validate`."""
        return self._validation(cast(EncoderDecoder, model))
