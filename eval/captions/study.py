"""The index's captions against people's, and metrics against people's grades. Captions in, results out.

Both wait for METEOR's Java program most of the time, so they run beside the search, on a thread.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from eval.captions.diversity import Diversity, count_diversity
from eval.captions.metric_correlation import correlate_metrics
from eval.captions.quality import CaptionQuality, score_captions
from eval.dataset.collection import Collection
from eval.human_grades.judgements import JudgedPair
from retrieval.captioned_dataset import tokenize

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CaptionStudy:
    """What is under way; `quality` and `kendall` wait for their results and raise what went wrong."""

    _quality: "Future[CaptionQuality]"
    _kendall: "Future[dict[str, dict[str, float]]]"

    def quality(self) -> CaptionQuality:
        """BLEU and the others."""
        quality = self._quality.result()
        for notice in quality.notices:
            logger.warning("%s", notice)
        return quality

    def kendall(self) -> dict[str, dict[str, float]]:
        """τ by metric; empty without judgements."""
        return self._kendall.result()


@contextmanager
def start_caption_study(
    captions: tuple[str, ...], collection: Collection, pairs: list[JudgedPair]
) -> Iterator[CaptionStudy]:
    """The study, under way for the length of the block."""
    hypotheses = [tokenize(caption) for caption in captions]
    references = [photo.references for photo in collection.photos]
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="captions")
    try:
        yield CaptionStudy(
            pool.submit(score_captions, hypotheses, references),
            pool.submit(correlate_metrics, pairs, collection),
        )
    finally:
        pool.shutdown(cancel_futures=True)


def study_diversity(captions: tuple[str, ...], collection: Collection) -> dict[str, Diversity]:
    """Of the index's captions, and of as many of people's: the first of each photo."""
    return {
        "index": count_diversity([tokenize(caption) for caption in captions]),
        "people": count_diversity([photo.references[0] for photo in collection.photos]),
    }
