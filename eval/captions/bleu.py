"""BLEU (Papineni et al. 2002): n-grams shared with any reference, and a penalty for brevity.

Reads tokens, returns scores. Of a photo's references the one closest in length counts for brevity (of two,
the shorter). Where no n-gram of an order is shared the score is all but 0, not undefined: the tiny constants
are the reference implementation's.
"""

import math
from collections.abc import Sequence

import numpy as np

from eval.captions.ngrams import MAX_ORDER, Ngram, count_ngrams
from eval.captions.pairs import Tokens, check_pairs

_TINY = 1e-15
_SMALL = 1e-9


def score_bleus(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> list[tuple[float, np.ndarray]]:
    """BLEU-1 to BLEU-4: of each that of the corpus, and each photo's own, 0 to 1.

    The corpus score sums counts over photos before dividing; it is not the mean of the photos' scores.
    """
    check_pairs(hypotheses, references)
    statistics = np.array(
        [_count_matches(*pair) for pair in zip(hypotheses, references, strict=True)], dtype=np.float64
    )
    corpus = _combine(statistics.sum(axis=0, keepdims=True))
    photos = _combine(statistics)
    return [(float(corpus[0, order]), np.ascontiguousarray(photos[:, order])) for order in range(MAX_ORDER)]


def _count_matches(hypothesis: Tokens, references: Sequence[Tokens]) -> list[int]:
    """Matches of the four orders, then n-grams of the four orders, then both lengths."""
    most: dict[Ngram, int] = {}
    for reference in references:
        for ngram, count in count_ngrams(reference).items():
            most[ngram] = max(most.get(ngram, 0), count)
    matched = [0] * MAX_ORDER
    for ngram, count in count_ngrams(hypothesis).items():
        matched[len(ngram) - 1] += min(count, most.get(ngram, 0))
    length = len(hypothesis)
    closest = min((abs(len(reference) - length), len(reference)) for reference in references)[1]
    return [*matched, *(max(0, length - order) for order in range(MAX_ORDER)), length, closest]


def _combine(statistics: np.ndarray) -> np.ndarray:
    """(rows, 4): BLEU-1 to BLEU-4 of each row of `_count_matches`."""
    matched, guessed = statistics[:, :MAX_ORDER], statistics[:, MAX_ORDER : 2 * MAX_ORDER]
    precisions = (matched + _TINY) / (guessed + _SMALL)
    means = np.cumprod(precisions, axis=1) ** (1 / np.arange(1, MAX_ORDER + 1))
    ratios = (statistics[:, -2:-1] + _TINY) / (statistics[:, -1:] + _SMALL)
    return np.asarray(means * [[math.exp(min(0.0, 1 - 1 / ratio))] for ratio in ratios[:, 0]])
