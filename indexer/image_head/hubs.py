"""Hubs: photos near sentences of all kinds, which would come up for everything. Reads and writes nothing.

In many dimensions some vectors are neighbours of far more others than is their share: hubness (Radovanović et
al. 2010). How near a photo is to a bank of sentences that were not written of it says how much it is of that
kind, and is taken from its scores, as querybank normalisation does when a query comes (QB-Norm, Bogolin et
al. 2022, with an inverted softmax). Here it is a coordinate of the image vector, made once, so that a search
stays a search for the nearest vectors.

Shapes: B photos, M sentences of the bank, T dimensions of a sentence vector, E of the space.
"""

import math

import torch
from torch import Tensor, nn

QUERY_COORDINATE = 0.5
"""What every query has in the last dimension, beside √(1 − ¼) of its vector in the others."""

_MOST = 0.9


class Hubs(nn.Module):
    """A bank of training captions, and what their nearness to a photo takes from its scores.

    b(v) = τ log mean_m exp(s_m·v / τ) for a photo v and sentences s_m in the space. The photo's vector
    becomes [√(1 − β²) v; β] with β = −weight · (b(v) − mean) · √3, a query's [√¾ q; ½]. Their inner product
    is √¾ · (q·v − weight · (b(v) − mean)), but for β², which is small where `mean` is about what b is.
    """

    bank_MT: Tensor
    mean: Tensor

    def __init__(self, captions: int, sentence_dimension: int, temperature: float, weight: float) -> None:
        super().__init__()
        self.register_buffer("bank_MT", torch.zeros(captions, sentence_dimension))
        self.register_buffer("mean", torch.zeros(1))
        self.temperature = temperature
        self.weight = weight

    def measure(self, photos_BE: Tensor, bank_ME: Tensor) -> Tensor:
        """b(v) of every photo (B,), for the bank's sentences in the space."""
        nearness_BM = photos_BE @ bank_ME.T / self.temperature
        b_B: Tensor = self.temperature * (nearness_BM.logsumexp(dim=1) - math.log(len(bank_ME)))
        return b_B

    def extend(self, photos_BE: Tensor, b_B: Tensor) -> Tensor:
        """Unit vectors (B, E) → unit vectors (B, E + 1), whose last coordinate is β."""
        ratio = math.sqrt(1 / QUERY_COORDINATE**2 - 1)
        beta_B1 = (-self.weight * ratio * (b_B - self.mean)).clamp(-_MOST, _MOST).unsqueeze(1)
        return torch.cat([(1 - beta_B1.square()).sqrt() * photos_BE, beta_B1], dim=1)


def extend_queries(queries_NE: Tensor) -> Tensor:
    """Unit vectors (N, E) → unit vectors (N, E + 1) that meet β of the photos."""
    last_N1 = torch.full_like(queries_NE[:, :1], QUERY_COORDINATE)
    return torch.cat([math.sqrt(1 - QUERY_COORDINATE**2) * queries_NE, last_N1], dim=1)
