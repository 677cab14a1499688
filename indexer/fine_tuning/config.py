"""The config of a CNN's fine-tuning, as in configs/image_encoder.toml."""

from typing import Literal

from pydantic import Field, PositiveInt

from indexer.image_head.config import HeadSizeConfig, HeadTrainingConfig
from indexer.training.config import PassesConfig, Seed
from retrieval.config import Config
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER


class AugmentationConfig(Config):
    """How far a training photo is changed each time it is seen.

    `smallest_area` of it is kept, its sides `stretch`ed against each other, turned by at most so many
    `degrees`; `colour` is how far brightness, contrast and saturation go from 1; `grey` and `erased` are
    shares of the photos.
    """

    smallest_area: float = Field(default=0.2, gt=0, le=1)
    stretch: float = Field(default=4 / 3, ge=1)
    degrees: float = Field(default=10, ge=0, le=180)
    colour: float = Field(default=0.4, ge=0, le=1)
    grey: float = Field(default=0.1, ge=0, le=1)
    erased: float = Field(default=0.5, ge=0, le=1)


class TuningConfig(PassesConfig):
    """How the CNN is fine-tuned: `learning_rate` is that of the upper half of its blocks.

    The lower half and the heads over it have their own. `negatives` further captions join every batch. The
    heads are trained alone first, as `head_training` says.
    """

    cycles: tuple[PositiveInt, ...] = Field(default=(15,), min_length=1)
    batch: int = Field(default=250, gt=0)
    learning_rate: float = Field(default=2.5e-4, gt=0)
    lower_learning_rate: float = Field(default=1.25e-4, gt=0)
    head_learning_rate: float = Field(default=3e-4, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    average_decay: float = Field(default=0.99, ge=0, lt=1)
    negatives: int = Field(default=2000, ge=0)


class ImageEncoderConfig(Config):
    """Everything that decides a fine-tuned CNN, given its data: the mean of so many `runs`.

    It is trained on crops of the size that its base was made for, and sees whole photos at `image_size`.
    """

    image_encoder: Literal["efficientnet-lite0", "efficientnet-lite2"] = "efficientnet-lite2"
    text_encoder: str = DEFAULT_TEXT_ENCODER
    image_size: int = Field(default=320, ge=32)
    runs: int = Field(default=4, gt=0)
    seed: Seed = 0
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    augmentation: AugmentationConfig = AugmentationConfig()
    heads: HeadSizeConfig = HeadSizeConfig(image_dropout=0.5)
    head_training: HeadTrainingConfig = HeadTrainingConfig(cycles=(10,))
    training: TuningConfig = TuningConfig()
