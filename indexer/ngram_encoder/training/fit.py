"""Sentences and their vectors → the vectors of their n-grams. Reads and writes nothing."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from scipy.linalg import solve

from indexer.ngram_encoder.ngrams import count_ngrams, find_ngrams


def fit_ngrams(
    sentences: Sequence[str], vectors_ND: np.ndarray, ridge: float
) -> tuple[tuple[str, ...], np.ndarray]:
    """The G n-grams of the sentences, and the W (G, D) of least ‖X W − V‖² + ridge ‖W‖².

    X (N, G) counts the n-grams of each sentence, V (N, D) holds the sentences' vectors. Takes some 24 G²
    bytes: of a captioner that has 3,000 n-grams 0.2 GB.
    """
    each = [find_ngrams(sentence) for sentence in sentences]
    ngrams = tuple(sorted(set(chain.from_iterable(each))))
    numbers = {ngram: number for number, ngram in enumerate(ngrams)}
    x_NG = count_ngrams([[numbers[ngram] for ngram in found] for found in each], len(ngrams))
    x_NG = x_NG.astype(np.float64)
    gram_GG = (x_NG.T @ x_NG).toarray() + ridge * np.eye(len(ngrams))
    vectors_GD = solve(gram_GG, x_NG.T @ vectors_ND.astype(np.float64), assume_a="pos")
    return ngrams, vectors_GD.astype(np.float32)
