"""What the decoder trains on: what an encoder sees and people's captions in, shuffled batches out.

Shapes: N photos of the split, B photos of a batch, K captions of each, T words, L locations, D channels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from indexer.captioner.vocabulary import PAD, Vocabulary
from retrieval.captioned_dataset import CaptionedPhoto


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """The photos of one split: what is seen in each view (memory maps) and the captions as numbers."""

    views: tuple[np.ndarray, ...]
    words_NKT: Tensor

    def __len__(self) -> int:
        return self.words_NKT.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Photos by their number in the split, what is seen in a random view of each, and all their captions."""

    numbers_B: np.ndarray
    seen: Tensor
    words_BKT: Tensor


def encode_captions(photos: Sequence[CaptionedPhoto], vocabulary: Vocabulary, max_words: int) -> Tensor:
    """Captions as word numbers (N, K, T) with START first; a caption longer than `max_words` has no END."""
    captions = max(len(photo.tokens) for photo in photos)
    words_NKT = torch.full((len(photos), captions, max_words + 2), PAD)
    for number, photo in enumerate(photos):
        for place, tokens in enumerate(photo.tokens):
            encoded = vocabulary.encode(tokens)
            if len(encoded) > max_words + 2:
                encoded = encoded[: max_words + 1]
            words_NKT[number, place, : len(encoded)] = torch.tensor(encoded)
    return words_NKT


def to_tensor(seen: np.ndarray, dtype: torch.dtype) -> Tensor:
    """What an encoder saw, its numbers in `dtype`; pixels stay bytes."""
    tensor = torch.tensor(seen)
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def iterate_batches(
    examples: Examples, size: int, dtype: torch.dtype, random: np.random.Generator
) -> Iterator[Batch]:
    """One pass in random order, each photo in one random view; columns of nothing but padding are cut."""
    order = random.permutation(len(examples))
    views = random.integers(len(examples.views), size=len(examples))
    for start in range(0, len(order), size):
        numbers_B = order[start : start + size]
        seen = [examples.views[views[number]][number] for number in numbers_B]
        words_BKT = examples.words_NKT[numbers_B]
        longest = int((words_BKT != PAD).sum(-1).max())
        yield Batch(numbers_B, to_tensor(np.stack(seen), dtype), words_BKT[:, :, :longest])
