"""The config of a captioner's training, as in configs/captioner.toml."""

from typing import Literal

from pydantic import Field, PositiveInt

from indexer.captioner.decoder import Cell
from retrieval.config import Config


class DecoderConfig(Config):
    """Which recurrence, and how wide."""

    cell: Cell = Cell.GRU
    features: int = Field(512, gt=0)
    hidden: int = Field(512, gt=0)
    attention: int = Field(256, gt=0)
    embedding: int = Field(256, gt=0)
    dropout: float = Field(0.4, ge=0, lt=1)


class TrainingConfig(Config):
    """How the decoder is trained: every word of every human caption, given the words before it.

    `cycles` are the passes of each cycle of the learning rate, which starts at half that of the one before.
    """

    cycles: tuple[PositiveInt, ...] = Field((10, 8), min_length=1)
    patience: int = Field(8, gt=0)
    batch: int = Field(20, gt=0)
    learning_rate: float = Field(8e-4, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    doubly_stochastic: float = Field(0.1, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    average_decay: float = Field(0.998, ge=0, lt=1)


class DecodingConfig(Config):
    """How the trained captioner writes: beam search with length normalisation."""

    beam_width: int = Field(3, gt=0)
    max_words: int = Field(20, gt=0)
    length_penalty: float = Field(0.7, ge=0)


class CaptionerConfig(Config):
    """Everything that decides a captioner, given its data."""

    image_encoder: str = "efficientnet-lite2"
    views: int = Field(4, gt=0)
    min_count: int = Field(4, gt=0)
    max_training_words: int = Field(18, gt=0)
    seed: int = 0
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    decoder: DecoderConfig = DecoderConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()
