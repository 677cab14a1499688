"""What the decoder trains on: cached annotations and people's captions in, shuffled batches out.

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
    """The photos of one split: each view's annotations (fp16 memory maps) and the captions as numbers."""

    views_VNLD: tuple[np.ndarray, ...]
    words_NKT: Tensor

    def __len__(self) -> int:
        return self.words_NKT.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Photos by their number in the split, one random view's annotations of each, and all their captions."""

    numbers_B: np.ndarray
    a_BLD: Tensor
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


def iterate_batches(
    examples: Examples, size: int, dtype: torch.dtype, random: np.random.Generator
) -> Iterator[Batch]:
    """One pass in random order, each photo in one random view; columns of nothing but padding are cut."""
    order = random.permutation(len(examples))
    views = random.integers(len(examples.views_VNLD), size=len(examples))
    for start in range(0, len(order), size):
        numbers_B = order[start : start + size]
        annotations = [examples.views_VNLD[views[number]][number] for number in numbers_B]
        a_BLD = torch.from_numpy(np.stack(annotations)).to(dtype)
        words_BKT = examples.words_NKT[numbers_B]
        longest = int((words_BKT != PAD).sum(-1).max())
        yield Batch(numbers_B, a_BLD, words_BKT[:, :, :longest])
