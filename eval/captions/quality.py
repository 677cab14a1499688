"""The captions in an index against people's captions of the same photos. Captions in, percent out."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.captions.bleu import score_bleus
from eval.captions.cider import score_cider, score_plain_cider
from eval.captions.meteor import score_meteor
from eval.captions.pairs import Tokens
from eval.captions.rouge import score_rouge
from retrieval.errors import InstallationError


@dataclass(frozen=True, slots=True)
class CaptionQuality:
    """Percent by name, and what had to be left out and why. CIDEr, whose best is 10, may pass 100 percent."""

    percent: dict[str, float]
    notices: tuple[str, ...] = ()


def score_captions(hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> CaptionQuality:
    """BLEU-1 to BLEU-4, METEOR where Java and its program are found, ROUGE-L and CIDEr of the corpus.

    "CIDEr" is what `pycocoevalcap` and all published tables give by that name, which is the paper's
    CIDEr-D: the two are one number. "CIDEr-plain" is the paper's CIDEr without clipping and length penalty
    (equation 3).
    """
    scores = {
        f"BLEU-{order}": corpus
        for order, (corpus, _) in enumerate(score_bleus(hypotheses, references), start=1)
    }
    notices: tuple[str, ...] = ()
    try:
        scores["METEOR"], _ = score_meteor(hypotheses, references)
    except InstallationError as error:
        notices = (f"METEOR is left out: {error}",)
    scores["ROUGE-L"], _ = score_rouge(hypotheses, references)
    scores["CIDEr"], _ = score_cider(hypotheses, references)
    scores["CIDEr-D"] = scores["CIDEr"]
    scores["CIDEr-plain"], _ = score_plain_cider(hypotheses, references)
    return CaptionQuality({name: 100 * score for name, score in scores.items()}, notices)
