"""The config of a CNN's fine-tuning, as in configs/image_encoder.toml."""

from typing import Literal

from pydantic import Field, PositiveInt

from indexer.image_head.config import HeadSizeConfig, HeadTrainingConfig
from indexer.training.config import PassesConfig
from retrieval.config import Config
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER


class TuningConfig(PassesConfig):
    """How the CNN is fine-tuned: `learning_rate` is its own, `head_learning_rate` that of the heads over it.

    `negatives` further captions join every batch. The heads are trained alone first, as `head_training` says.
    """

    cycles: tuple[PositiveInt, ...] = Field((8,), min_length=1)
    batch: int = Field(128, gt=0)
    learning_rate: float = Field(1e-4, gt=0)
    head_learning_rate: float = Field(3e-4, gt=0)
    average_decay: float = Field(0.98, ge=0, lt=1)
    negatives: int = Field(2000, ge=0)


class ImageEncoderConfig(Config):
    """Everything that decides a fine-tuned CNN, given its data; blocks before `first_block` stay."""

    image_encoder: Literal["efficientnet-lite0", "efficientnet-lite2"] = "efficientnet-lite2"
    first_block: int = Field(11, ge=0)
    text_encoder: str = DEFAULT_TEXT_ENCODER
    views: int = Field(4, gt=0)
    seed: int = 0
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    heads: HeadSizeConfig = HeadSizeConfig(dimension=512)
    head_training: HeadTrainingConfig = HeadTrainingConfig(cycles=(10,))
    training: TuningConfig = TuningConfig()
