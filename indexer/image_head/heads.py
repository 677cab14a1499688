"""The two networks of the image channel: annotations and sentence vectors in, vectors of one space out.

Shapes: B photos, L locations, D annotation channels, N sentences, T dimensions of a sentence vector, E of the
space, M hidden units.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from indexer.image_encoder.pooling import pool_photos
from indexer.image_head.config import HeadSizeConfig
from indexer.image_head.hubs import Hubs, extend_queries

_TEMPERATURE = 0.05  # before training


class ImageProjection(nn.Module):
    """v = W p + MLP(p), of unit length, for p = LayerNorm([mean_j a_j; max_j a_j])."""

    def __init__(self, channels: int, dimension: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(2 * channels)
        self.linear = nn.Linear(2 * channels, dimension)
        self.expand = nn.Linear(2 * channels, hidden)
        self.project = nn.Linear(hidden, dimension)
        self.dropout = nn.Dropout(dropout)

    @staticmethod
    def pool(a_BLD: Tensor) -> Tensor:
        """Annotations → (B, 2D) float32: their mean and their maximum over the locations."""
        return pool_photos(a_BLD, lambda part: torch.cat([part.mean(dim=1), part.amax(dim=1)], dim=-1))

    def forward(self, pooled_BP: Tensor) -> Tensor:
        """What `pool` gives → unit vectors (B, E)."""
        p_BP = self.norm(pooled_BP)
        hidden_BM = F.gelu(self.expand(self.dropout(p_BP)), approximate="tanh")
        return F.normalize(self.linear(self.dropout(p_BP)) + self.project(self.dropout(hidden_BM)), dim=-1)


class TextProjection(nn.Module):
    """v = W s + MLP(s), of unit length, for a sentence vector s; it starts as a rotation."""

    def __init__(self, sentence_dimension: int, dimension: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(sentence_dimension, dimension, bias=False)
        self.expand = nn.Linear(sentence_dimension, hidden)
        self.project = nn.Linear(hidden, dimension)
        self.dropout = nn.Dropout(dropout)
        nn.init.orthogonal_(self.linear.weight)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, sentences_NT: Tensor) -> Tensor:
        """Sentence vectors (N, T) → unit vectors (N, E)."""
        hidden_NM = F.gelu(self.expand(sentences_NT), approximate="tanh")
        return F.normalize(self.linear(sentences_NT) + self.project(self.dropout(hidden_NM)), dim=-1)


class Heads(nn.Module):
    """Both heads, and the sharpness of the softmax over their inner products that they are trained with.

    They are trained without `hubs`, which correct what is searched.
    """

    def __init__(
        self, size: HeadSizeConfig, channels: int, sentence_dimension: int, hubs: Hubs | None = None
    ) -> None:
        """Their weights random, for annotations and sentence vectors of so many dimensions."""
        super().__init__()
        self.image = ImageProjection(channels, size.dimension, size.image_hidden, size.image_dropout)
        self.text = TextProjection(sentence_dimension, size.dimension, size.text_hidden, size.text_dropout)
        self.hubs = hubs
        self.log_scale = nn.Parameter(torch.tensor(-math.log(_TEMPERATURE)))

    @property
    def scale(self) -> Tensor:
        """1 / temperature, at most 100 (as in CLIP, Radford et al. 2021)."""
        return self.log_scale.exp().clamp(max=100.0)

    def embed_photos(self, pooled_BP: Tensor, bank_ME: Tensor | None = None) -> Tensor:
        """What `ImageProjection.pool` gives → the unit vectors searched, (B, E) or with hubs (B, E + 1).

        `bank_ME` is what `embed_bank` gives, for who asks often.
        """
        photos_BE: Tensor = self.image(pooled_BP)
        if self.hubs is None:
            return photos_BE
        bank_ME = self.embed_bank() if bank_ME is None else bank_ME
        return self.hubs.extend(photos_BE, self.hubs.measure(photos_BE, bank_ME))

    def embed_sentences(self, sentences_NT: Tensor) -> Tensor:
        """Sentence vectors (N, T) → the unit vectors that search, as long as those of the photos."""
        queries_NE: Tensor = self.text(sentences_NT)
        return queries_NE if self.hubs is None else extend_queries(queries_NE)

    def embed_bank(self) -> Tensor:
        """The sentences of the hubs' bank in the space (M, E); none of them without hubs."""
        sentences_MT = (
            torch.empty(0, self.text.linear.in_features) if self.hubs is None else self.hubs.bank_MT
        )
        bank_ME: Tensor = self.text(sentences_MT)
        return bank_ME

    @torch.inference_mode()
    def settle_hubs(self, pooled_NP: Tensor) -> None:
        """Let what is usual of these photos, which were not trained on, neither add nor take."""
        if self.hubs is not None:
            self.hubs.mean.copy_(self.hubs.measure(self.image(pooled_NP), self.embed_bank()).mean())
