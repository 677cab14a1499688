"""ROUGE-L (Lin 2004): the longest common subsequence with a reference. Tokens in, scores out."""

from collections.abc import Sequence

import numpy as np

from eval.captions.pairs import Tokens, check_pairs

_BETA = 1.2


def score_rouge(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> tuple[float, np.ndarray]:
    """The mean over photos and the photos' scores, 0 to 1.

    A photo's score is the F-measure, recall weighing 1.2 times as much, of the best precision and the best
    recall over its references (as in `pycocoevalcap`; they may come from different references).
    """
    check_pairs(hypotheses, references)
    scores = np.array([_score_photo(*pair) for pair in zip(hypotheses, references, strict=True)])
    return float(scores.mean()), scores


def _score_photo(hypothesis: Tokens, references: Sequence[Tokens]) -> float:
    common = [_common_subsequence(hypothesis, reference) for reference in references]
    if not any(common):
        return 0.0
    precision = max(common) / len(hypothesis)
    recall = max(
        length / max(1, len(reference)) for length, reference in zip(common, references, strict=True)
    )
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _common_subsequence(first: Tokens, second: Tokens) -> int:
    """The length of the longest common subsequence."""
    above = [0] * (len(second) + 1)
    for word in first:
        row = [0]
        for column, other in enumerate(second):
            row.append(above[column] + 1 if word == other else max(above[column + 1], row[column]))
        above = row
    return above[-1]
