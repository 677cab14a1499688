"""The n-grams of a sentence, counted. Reads tokens, returns counts."""

from collections import Counter
from itertools import chain
from typing import TypeAlias

from eval.captions.pairs import Tokens

MAX_ORDER = 4

Ngram: TypeAlias = tuple[str, ...]


def count_ngrams(tokens: Tokens) -> Counter[Ngram]:
    """How often each run of one to four words occurs; the length of a key is its order."""
    shifted = [tokens[start:] for start in range(MAX_ORDER)]
    return Counter(
        chain.from_iterable(zip(*shifted[:order], strict=False) for order in range(1, MAX_ORDER + 1))
    )
