"""CIDEr (Vedantam, Zitnick and Parikh 2015): tf-idf n-grams shared with the references.

Reads tokens, returns scores. Two variants of one paper go by the name. What `pycocoevalcap` calls CIDEr, and
every table of captioning results therefore means by it, clips repeated n-grams and penalises a difference in
length: the paper's CIDEr-D (its equation 4). `score_cider` is that one. `score_plain_cider` is the paper's
equation 3, with neither.

Shape suffixes: N n-gram orders (4), R references of a photo, U distinct n-grams of a photo's references,
M n-grams that a hypothesis shares with them.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.captions.ngrams import MAX_ORDER, Ngram, count_ngrams
from eval.captions.pairs import Tokens, check_pairs, check_references

_SIGMA = 6.0
_SCALE = 10.0


def score_cider(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> tuple[float, np.ndarray]:
    """CIDEr as `pycocoevalcap` computes it (CIDEr-D): the mean over photos, and the photos' scores, 0 to 10.

    Document frequencies come from `references`, so a score depends on all of them; with one photo it is 0.
    """
    return CiderScorer(references).score(hypotheses)


def score_plain_cider(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> tuple[float, np.ndarray]:
    """CIDEr without clipping and without the length penalty (equation 3), scaled by 10 like the other."""
    return CiderScorer(references, robust=False).score(hypotheses)


@dataclass(frozen=True, slots=True, eq=False)
class _PhotoReferences:
    """`weights_UR` tf-idf, `rows` finds an n-gram's row, `norms_NR` per order (1 where 0), `lengths_R`."""

    rows: dict[Ngram, int]
    weights_UR: np.ndarray
    norms_NR: np.ndarray
    lengths_R: np.ndarray


class CiderScorer:
    """CIDEr against fixed references.

    For training on the score itself: `score_many` gives the reward of any hypotheses of any of the photos,
    and keeps the tf-idf vectors of their references. `robust` is CIDEr-D's clipping and length penalty.
    """

    def __init__(self, references: Sequence[Sequence[Tokens]], *, robust: bool = True) -> None:
        check_references(references)
        self._robust = robust
        self._references = references
        self._unseen_idf = math.log(len(references))
        self._idf = _inverse_document_frequencies(references)
        self._weighed: dict[int, _PhotoReferences] = {}

    def score(self, hypotheses: Sequence[Tokens]) -> tuple[float, np.ndarray]:
        """The mean over photos and the photos' scores (photos,), for one hypothesis per photo in order."""
        check_pairs(hypotheses, self._references)
        scores = np.array(
            [
                self._score_hypothesis(self._weigh_references(of_photo), hypothesis)
                for of_photo, hypothesis in zip(self._references, hypotheses, strict=True)
            ]
        )
        return float(scores.mean()), scores

    def score_many(self, photo_indices: Sequence[int], hypotheses: Sequence[Tokens]) -> np.ndarray:
        """float64 (hypotheses,): each hypothesis against the references of the photo of the same position."""
        return np.array(
            [
                self._score_hypothesis(self._recall_references(index), hypothesis)
                for index, hypothesis in zip(photo_indices, hypotheses, strict=True)
            ]
        )

    def _recall_references(self, index: int) -> _PhotoReferences:
        if index not in self._weighed:
            self._weighed[index] = self._weigh_references(self._references[index])
        return self._weighed[index]

    def _weigh_references(self, of_photo: Sequence[Tokens]) -> _PhotoReferences:
        counts = [count_ngrams(tokens) for tokens in of_photo]
        rows = {
            ngram: row for row, ngram in enumerate(dict.fromkeys(ngram for each in counts for ngram in each))
        }
        weights_UR = np.zeros((len(rows), len(counts)))
        for reference, each in enumerate(counts):
            for ngram, count in each.items():
                weights_UR[rows[ngram], reference] = count * self._idf[ngram]
        orders_U = np.array([len(ngram) for ngram in rows], dtype=np.intp)
        norms_NR = np.sqrt(_sum_by_order(weights_UR**2, orders_U))
        lengths_R = np.array([_bigrams(each) for each in counts], dtype=np.float64)
        return _PhotoReferences(rows, weights_UR, np.where(norms_NR > 0, norms_NR, 1.0), lengths_R)

    def _score_hypothesis(self, photo: _PhotoReferences, hypothesis: Tokens) -> float:
        counts = count_ngrams(hypothesis)
        squares = [0.0] * (MAX_ORDER + 1)
        orders, weights, rows = [], [], []
        for ngram, count in counts.items():
            weight = count * self._idf.get(ngram, self._unseen_idf)
            squares[len(ngram)] += weight * weight
            if (row := photo.rows.get(ngram)) is not None:
                orders.append(len(ngram))
                weights.append(weight)
                rows.append(row)
        if not rows:
            return 0.0
        weights_M1 = np.array(weights)[:, None]
        shared_MR = photo.weights_UR[rows]
        products_MR = (np.minimum(weights_M1, shared_MR) if self._robust else weights_M1) * shared_MR
        norms_N1 = np.sqrt(squares[1:])[:, None]
        cosines_NR = _sum_by_order(products_MR, np.array(orders)) / (
            np.where(norms_N1 > 0, norms_N1, 1.0) * photo.norms_NR
        )
        if self._robust:
            cosines_NR *= np.exp(-((_bigrams(counts) - photo.lengths_R) ** 2) / (2 * _SIGMA**2))
        return float(cosines_NR.mean()) * _SCALE


def _inverse_document_frequencies(references: Sequence[Sequence[Tokens]]) -> dict[Ngram, float]:
    """log(photos / photos with the n-gram in a reference)."""
    frequencies: dict[Ngram, float] = {}
    for of_photo in references:
        for ngram in {ngram for tokens in of_photo for ngram in count_ngrams(tokens)}:
            frequencies[ngram] = frequencies.get(ngram, 0) + 1
    photos = math.log(len(references))
    for ngram, frequency in frequencies.items():  # In place: a large dataset has millions of them.
        frequencies[ngram] = photos - math.log(frequency)
    return frequencies


def _sum_by_order(values_MR: np.ndarray, orders_M: np.ndarray) -> np.ndarray:
    """(4, R): the rows of each order summed."""
    selects_NM = orders_M == np.arange(1, MAX_ORDER + 1)[:, None]
    sums_NR: np.ndarray = selects_NM.astype(np.float64) @ values_MR
    return sums_NR


def _bigrams(counts: Counter[Ngram]) -> int:
    """The length of a sentence in bigrams, which is what the reference implementation measures lengths in."""
    return sum(count for ngram, count in counts.items() if len(ngram) == 2)
