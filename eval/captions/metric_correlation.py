"""Do caption metrics order pairs as people do? Judged pairs in, Kendall's τ out.

A metric sees the judged caption against people's captions of the judged photo. Pairs of a photo and a caption
that was written for it are left out, since the caption is among its own references.
"""

from collections.abc import Sequence

import numpy as np

from eval.captions.bleu import score_bleus
from eval.captions.cider import CiderScorer
from eval.captions.meteor import score_meteor
from eval.captions.rouge import score_rouge
from eval.dataset.collection import Collection
from eval.human_grades.judgements import JudgedPair
from retrieval.captioned_dataset import tokenize
from retrieval.errors import InstallationError


def correlate_metrics(pairs: Sequence[JudgedPair], collection: Collection) -> dict[str, dict[str, float]]:
    """100 x τ by metric: "tau_b" with the sum of a pair's three grades, "tau_c" with the grades one by one.

    τ_c over single grades is what papers on caption metrics report (Hessel et al. 2021). METEOR is left out
    where Java is.
    """
    from scipy.stats import kendalltau

    foreign = [pair for pair in pairs if not pair.is_own]
    if len(foreign) < 2:
        return {}
    grades = np.array([pair.grades for pair in foreign])
    found = {}
    for name, scores in _score_pairs(foreign, collection).items():
        rounded = _round_scores(scores)
        tau_b = kendalltau(rounded, grades.sum(axis=1), variant="b").statistic
        tau_c = kendalltau(np.repeat(rounded, grades.shape[1]), grades.ravel(), variant="c").statistic
        found[name] = {"tau_b": _to_percent(tau_b), "tau_c": _to_percent(tau_c)}
    return found


def _to_percent(tau: float) -> float:
    """0 where all scores or all grades are equal, and nothing is ordered."""
    return 0.0 if np.isnan(tau) else float(100 * tau)


def _round_scores(scores: np.ndarray) -> np.ndarray:
    """Ten significant digits: scores that differ by rounding errors alone are the same score."""
    return np.array([float(f"{score:.10g}") for score in scores])


def _score_pairs(pairs: Sequence[JudgedPair], collection: Collection) -> dict[str, np.ndarray]:
    hypotheses = [tokenize(pair.query.text) for pair in pairs]
    references = [collection.photos[pair.photo].references for pair in pairs]
    bleus = score_bleus(hypotheses, references)
    scores = {f"BLEU-{order}": each for order, (_, each) in enumerate(bleus, start=1)}
    try:
        scores["METEOR"] = score_meteor(hypotheses, references)[1]
    except InstallationError:
        pass  # The captions' own METEOR is missing for the same reason, which the report gives.
    scores["ROUGE-L"] = score_rouge(hypotheses, references)[1]
    everyone = [photo.references for photo in collection.photos]
    photos = [pair.photo for pair in pairs]
    scores["CIDEr"] = CiderScorer(everyone).score_many(photos, hypotheses)
    scores["CIDEr-plain"] = CiderScorer(everyone, robust=False).score_many(photos, hypotheses)
    return scores
