"""The config of an n-gram encoder's training, as in configs/ngram_encoder.toml."""

from typing import Literal

from pydantic import Field

from indexer.training.config import Seed
from retrieval.config import Config
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER


class NgramEncoderConfig(Config):
    """Everything that decides an n-gram encoder, given its data.

    It learns what `text_encoder` makes of the sentences that `captioner` ends its beam search with, of
    `views` cuts of each training photo. `ridge` draws vectors to zero, as strongly as so many sentences of
    each n-gram alone, of no meaning, would.
    """

    captioner: str = "default"
    text_encoder: str = DEFAULT_TEXT_ENCODER
    views: int = Field(default=2, gt=0)
    ridge: float = Field(default=1.0, ge=1e-3, le=1e3)
    seed: Seed = 0
    precision: Literal["bfloat16", "float32"] = "bfloat16"
