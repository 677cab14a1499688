"""What a training trains. Reads and writes nothing."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

import numpy as np
from torch import Tensor, nn

Batch = TypeVar("Batch")


class Task(Protocol[Batch]):
    """A model, the batches that it learns from, its loss, and how it is judged."""

    @property
    def model(self) -> nn.Module:
        """What is trained, in place."""
        ...

    @property
    def metric(self) -> str:
        """The validation score that decides, better when higher."""
        ...

    @property
    def steps(self) -> int:
        """How many batches a pass has."""
        ...

    def batches(self, random: np.random.Generator) -> Iterator[Batch]:
        """One pass over the examples."""
        ...

    def loss(self, batch: Batch) -> Tensor:
        """A scalar to be made smaller."""
        ...

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Scores of a copy of the model on the validation split, in percent."""
        ...
