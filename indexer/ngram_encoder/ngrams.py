"""Sentences → their n-grams, and how often each has which. Reads and writes nothing."""

from collections.abc import Sequence
from itertools import chain, pairwise

import numpy as np
from scipy.sparse import csr_matrix

# Begins and ends a sentence.
_EDGE = ""


def find_ngrams(sentence: str) -> list[str]:
    """The words of a sentence and, its two edges among them, each two that follow one another.

    The edge is in every sentence once on its own, whose vector is then what all sentences share.
    """
    words = [_EDGE, *sentence.split(), _EDGE]
    return [*words[1:], *(f"{first} {second}" for first, second in pairwise(words))]


def count_ngrams(numbers: Sequence[Sequence[int]], ngrams: int) -> csr_matrix:
    """The counts float32 (N, G) of G n-grams, for the numbers of those that each of N sentences has."""
    columns = np.fromiter(chain.from_iterable(numbers), dtype=np.int64)
    starts = np.cumsum([0, *map(len, numbers)])
    shape = (len(numbers), ngrams)
    return csr_matrix((np.ones(len(columns), dtype=np.float32), columns, starts), shape=shape)
