"""The config of an image head's training, as in configs/image_head.toml."""

from typing import Literal

from pydantic import Field, PositiveInt

from indexer.training.config import PassesConfig, Seed
from retrieval.config import Config
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER


class HeadSizeConfig(Config):
    """How wide the two heads are, and what share of their inputs is dropped while training."""

    dimension: int = Field(default=511, gt=0)
    image_hidden: int = Field(default=512, gt=0)
    text_hidden: int = Field(default=1024, gt=0)
    image_dropout: float = Field(default=0.4, ge=0, lt=1)
    text_dropout: float = Field(default=0.3, ge=0, lt=1)


class HeadTrainingConfig(PassesConfig):
    """How the heads are trained; `negatives` further captions join every batch."""

    cycles: tuple[PositiveInt, ...] = Field(default=(24,), min_length=1)
    batch: int = Field(default=500, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    average_decay: float = Field(default=0.98, ge=0, lt=1)
    negatives: int = Field(default=2000, ge=0)


class HubsConfig(Config):
    """How far photos are marked down that are near to sentences of all kinds (see `hubs`).

    `captions` training captions are asked, drawn at random; none for no such correction. On Flickr8k's
    validation split Recall@1 / 5 / 10 go from 34.5 / 65.7 / 77.5 to 36.8 / 67.8 / 79.0.
    """

    captions: int = Field(default=4000, ge=0)
    temperature: float = Field(default=0.05, gt=0)
    weight: float = Field(default=0.75, ge=0)


class ImageHeadConfig(Config):
    """Everything that decides an image head, given its data: the mean of so many `runs`."""

    image_encoder: str = "efficientnet-lite2-flickr8k"
    text_encoder: str = DEFAULT_TEXT_ENCODER
    views: int = Field(default=3, gt=0)
    runs: int = Field(default=3, gt=0)
    seed: Seed = 0
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    heads: HeadSizeConfig = HeadSizeConfig()
    training: HeadTrainingConfig = HeadTrainingConfig()
    hubs: HubsConfig = HubsConfig()
