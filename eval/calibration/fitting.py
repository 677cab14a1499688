"""Fits a calibration on a validation split. Reads an opened index; writes nothing.

There is a curve for each vector channel alone and one for all of them. It is fitted on the first ten photos
of every sentence, which are what people are shown: some of them the sentence describes, and others not.
"""

import numpy as np

from eval.calibration.agreement import Agreement
from eval.calibration.first_hits import HITS, find_first_hits
from eval.calibration.logistic import fit_logistic
from eval.dataset.preparation import Subject
from eval.searching.systems import list_vector_channels
from retrieval.channel import Channel
from retrieval.progress import Progress
from retrieval.search.calibration import Calibration, Logistic


def fit_calibration(subject: Subject, queries_per_batch: int, progress: Progress) -> Calibration:
    """The calibration for the models that made the subject's index.

    Raises:
        DatasetError: a photo with a single caption.
        RetrievalError: hits that no curve can be fitted to.
    """
    collection = subject.collection
    subject.encoder.remember([query.text for query in collection.queries], progress)
    agreement = Agreement(collection, subject.encoder)
    threshold = agreement.find_threshold()
    channels = list_vector_channels(subject)
    curves = []
    alone = [([name], name) for name in channels if len(channels) > 1]
    for names, ranked_by in [(channels, None), *alone]:
        hits = find_first_hits(subject.engine, collection, ranked_by, names, queries_per_batch, progress)
        described_N = agreement.judge(hits.sentence_N, hits.photo_N, threshold)
        weights, bias = fit_logistic(np.stack([hits.scores[name] for name in names], axis=1), described_N)
        by_channel = {Channel(name): float(weight) for name, weight in zip(names, weights, strict=True)}
        curves.append(Logistic(by_channel, bias))
    return Calibration(
        captioner_sha256=subject.manifest.captioner.sha256,
        text_encoder_sha256=subject.manifest.text_encoder.sha256,
        curves=tuple(curves),
        agreement=threshold,
        fitted_on=(
            f"{collection.dataset}, split {collection.split}: the first {HITS} photos of "
            f"{len(collection.queries):,} sentences"
        ),
    )
