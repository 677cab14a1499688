"""The config of a captioner's training, as in configs/captioner.toml."""

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize
from indexer.image_encoder import Neck
from indexer.training.config import PassesConfig, Seed
from retrieval.config import Config


class DecoderConfig(Config):
    """Which recurrence, and how wide."""

    cell: Cell = Cell.GRU
    features: int = Field(default=384, gt=0)
    hidden: int = Field(default=512, gt=0)
    attention: int = Field(default=128, gt=0)
    embedding: int = Field(default=256, gt=0)
    dropout: float = Field(default=0.35, ge=0, lt=1)

    def build(self, vocabulary: int, channels: int) -> AttentionDecoder:
        """A decoder for so many words and channels of an annotation, its weights random."""
        sizes = self.model_dump(exclude={"dropout"})
        return AttentionDecoder(DecoderSize(vocabulary=vocabulary, channels=channels, **sizes), self.dropout)


class TrainingConfig(PassesConfig):
    """How the decoder is trained: every word of every human caption, given the words before it."""

    cycles: tuple[PositiveInt, ...] = Field(default=(14,), min_length=1)
    learning_rate: float = Field(default=8e-4, gt=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    doubly_stochastic: float = Field(default=0.1, ge=0)


class SelfCriticalConfig(PassesConfig):
    """A second stage, self-critical sequence training: `samples` captions of each photo, rewarded by CIDEr-D.

    They are drawn at `temperature`, with `max_words` words at most. Label smoothing leaves the captioner far
    less sure than it is right: what it says at temperature 1 scores a quarter of what beam search finds, and
    raising that would teach it no more than to be sure.
    Without `cycles` there is no such stage. `start` is a captioner that it begins with instead of the first
    stage's.
    """

    cycles: tuple[PositiveInt, ...] = (8,)
    learning_rate: float = Field(default=1e-4, gt=0)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    samples: int = Field(default=5, ge=2)
    temperature: float = Field(default=0.4, gt=0)
    max_words: int = Field(default=16, gt=0)
    start: str = ""

    @model_validator(mode="after")
    def _require_passes(self) -> "SelfCriticalConfig":
        if self.start and not self.cycles:
            raise ValueError(
                f"found the start {self.start!r} and no cycles, expected passes that go on from it"
            )
        return self


class DecodingConfig(Config):
    """How the trained captioner writes: beam search with length normalisation."""

    beam_width: int = Field(default=3, gt=0)
    max_words: int = Field(default=20, gt=0)
    length_penalty: float = Field(default=0.7, ge=0)


class CaptionerConfig(Config):
    """Everything that decides a captioner, given its data.

    Of each split of it the first `photos` are used; 0 takes all.
    """

    image_encoder: str = "efficientnet-lite2-flickr8k"
    neck: Neck = Neck.NONE
    photos: int = Field(default=0, ge=0)
    views: int = Field(default=4, gt=0)
    min_count: int = Field(default=10, gt=0)
    max_training_words: int = Field(default=18, gt=0)
    seed: Seed = 0
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    decoder: DecoderConfig = DecoderConfig()
    training: TrainingConfig = TrainingConfig()
    self_critical: SelfCriticalConfig = SelfCriticalConfig()
    decoding: DecodingConfig = DecodingConfig()
