"""What the heads are trained on: pooled annotations of every view and sentence vectors of every caption.

Shapes: N photos of the split, V views, P numbers of a pooled photo, K captions of each, T dimensions of a
sentence vector, B photos of a batch, M further ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from retrieval.captioned_dataset import CaptionedPhoto
from retrieval.text.text_encoder import TextEncoder


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """The numbers of a batch's photos, a view of each, and further captions: (photo, place among its own)."""

    numbers_B: np.ndarray
    views_B: np.ndarray
    further_M2: np.ndarray

    def find_own(self) -> Tensor:
        """Bool (B, M): where a further caption belongs to a photo of the batch."""
        return torch.from_numpy(self.numbers_B[:, None] == self.further_M2[None, :, 0])


def encode_sentences(photos: Sequence[CaptionedPhoto], text_encoder: TextEncoder) -> Tensor:
    """Sentence vectors (N, K, T); a photo with fewer captions than the most has some of them twice."""
    captions = max(len(photo.captions) for photo in photos)
    texts = [photo.captions[place % len(photo.captions)] for photo in photos for place in range(captions)]
    return torch.from_numpy(text_encoder.encode(texts)).view(len(photos), captions, -1)


def sample_batches(
    photos: int, views: int, captions: int, batch: int, negatives: int, random: np.random.Generator
) -> Iterator[Sampled]:
    """One pass over the photos in random order, each in one random view."""
    order = random.permutation(photos)
    for start in range(0, photos, batch):
        numbers_B = order[start : start + batch]
        further_M2 = random.integers((photos, captions), size=(negatives, 2))
        yield Sampled(numbers_B, random.integers(views, size=len(numbers_B)), further_M2)
