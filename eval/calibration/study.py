"""How true the probabilities of a search are. Reads an opened index; writes nothing.

The first ten hits of every sentence are compared with what people's captions say (see `agreement`), and those
among them that people judged with what they said.

Shapes: N hits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.calibration.agreement import Agreement
from eval.calibration.first_hits import HITS
from eval.calibration.reliability import Reliability, measure_reliability
from eval.dataset.preparation import Subject
from eval.human_grades.judgements import JudgedPair
from retrieval.progress import Progress
from retrieval.query.query_language import Query

_DESCRIBES = 3
"""Of the grades 1 to 4 the lowest of those that say that a caption describes a photo, small errors aside."""


@dataclass(frozen=True, slots=True)
class CalibrationStudy:
    """Reliability by people's captions and, where there are such, by their grades: two of three are 3 or 4.

    `fitted_on` and `agreement` are the calibration's.
    """

    fitted_on: str
    agreement: float
    by_captions: Reliability
    by_grades: Reliability | None


def study_calibration(
    subject: Subject, judged: Sequence[JudgedPair], queries_per_batch: int, progress: Progress
) -> CalibrationStudy | None:
    """None where no hit is a photo of the dataset or has a probability, or a photo has a single caption."""
    calibration = subject.engine.calibration
    collection = subject.collection
    if calibration is None or np.bincount(collection.right_photos).min() < 2:
        return None
    hits = _collect_hits(subject, queries_per_batch, progress)
    if not hits:
        return None
    sentence_N, photo_N, said_N = map(np.array, zip(*hits, strict=True))
    agreement = Agreement(collection, subject.encoder)
    described_N = agreement.judge(sentence_N, photo_N, calibration.agreement)
    numbers = {query.name: number for number, query in enumerate(collection.queries)}
    grades = {(numbers[pair.query.name], pair.photo): sorted(pair.grades)[1] for pair in judged}
    grade_N = np.array(
        [grades.get(pair, 0) for pair in zip(sentence_N.tolist(), photo_N.tolist(), strict=True)]
    )
    graded_N = grade_N > 0
    return CalibrationStudy(
        calibration.fitted_on,
        calibration.agreement,
        measure_reliability(said_N, described_N),
        measure_reliability(said_N[graded_N], grade_N[graded_N] >= _DESCRIBES) if graded_N.any() else None,
    )


def _collect_hits(
    subject: Subject, queries_per_batch: int, progress: Progress
) -> list[tuple[int, int, float]]:
    """Each hit's sentence and photo, by number, and its probability."""
    queries = subject.collection.queries
    photos = {photo.image_id: number for number, photo in enumerate(subject.collection.photos)}
    found = list[tuple[int, int, float]]()
    for start in range(0, len(queries), queries_per_batch):
        batch = [Query(query.text) for query in queries[start : start + queries_per_batch]]
        for number, results in enumerate(subject.engine.search_many(batch, HITS, fold=False), start):
            found += [
                (number, photos[hit.image_id], hit.probability)
                for hit in results
                if hit.image_id in photos and hit.probability is not None
            ]
        progress("Checking probabilities", start + len(batch), len(queries))
    return found
