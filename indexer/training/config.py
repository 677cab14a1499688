"""The keys that every training's config has. Reads and writes nothing."""

from typing import Annotated

from pydantic import Field, PositiveInt

from retrieval.config import Config

# Of numpy's and torch's generators, with room for the number of a run and of a pass.
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class PassesConfig(Config):
    """How often the examples are seen, in what portions, and how far each step goes.

    `cycles` are the passes (epochs) of each cycle of the learning rate, which starts at half that of the one
    before. `average_decay` is what stays of the exponential moving average (EMA) of the weights at each step;
    less does at the first steps.
    """

    cycles: tuple[PositiveInt, ...] = Field(default=(10,), min_length=1)
    patience: int = Field(default=8, gt=0)
    batch: int = Field(default=20, gt=0)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    average_decay: float = Field(default=0.998, ge=0, lt=1)
