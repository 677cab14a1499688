"""What exact search over the stored vectors finds, where the index approximates. Reads an index's shards.

A channel is looked at where its score is the inner product of the query's vector and the photo's stored one.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from eval.ann.recall import measure_ann_recall
from eval.preparation import Subject
from eval.stored_vectors import read_stored_vectors
from retrieval.flat_index import FlatIndex

ExactVectors = Mapping[str, np.ndarray]
"""float32 (N, D) by channel, in the order of the engine's photos."""

_K = 10
_TOLERANCE = 1e-3


def read_exact_vectors(subject: Subject) -> ExactVectors:
    """The stored vectors of the channels looked at; what the shards' readers raise passes through."""
    probe = [subject.collection.queries[0].text]
    query_D = subject.encoder.encode(probe)[0]
    image_ids = subject.engine.rank(probe, 1).image_ids
    found = {}
    for channel, vectors_ND in read_stored_vectors(subject.index, subject.manifest, image_ids).items():
        best = subject.engine.rank(probe, 1, channel)
        number = int(best.photos_QK[0, 0])
        if vectors_ND.shape[1] != len(query_D) or number < 0:
            continue
        if abs(float(vectors_ND[number] @ query_D) - float(best.scores_QK[0, 0])) < _TOLERANCE:
            found[channel] = vectors_ND
    return found


def measure_index(subject: Subject, vectors: ExactVectors, texts: Sequence[str]) -> dict[str, float]:
    """`ann_recall@10` in percent by channel, of the index that was evaluated, over these queries."""
    queries_QD = subject.encoder.encode(texts)
    found = {}
    for channel, vectors_ND in vectors.items():
        answer_QK = subject.engine.rank(texts, min(_K, len(vectors_ND)), channel).photos_QK
        found[channel] = measure_ann_recall(answer_QK, queries_QD, vectors_ND)
    return found


def find_skipped(
    subject: Subject, vectors: ExactVectors, own_scores: Mapping[str, np.ndarray], depth: int
) -> np.ndarray:
    """Bool (queries,): approximate channels miss a right photo that exact search has among `depth`.

    `own_scores` is what each query's right photo scored, by channel.
    """
    collection = subject.collection
    kinds = {record.channel: record.kind for record in subject.manifest.vectors}
    ids = subject.engine.rank([collection.queries[0].text], 1).image_ids
    places = {image_id: number for number, image_id in enumerate(ids)}
    skipped_Q = np.zeros(len(collection.queries), dtype=bool)
    for channel, vectors_ND in vectors.items():
        if kinds.get(channel) == FlatIndex.kind or channel not in own_scores:
            continue
        for number in np.flatnonzero(np.isneginf(own_scores[channel])).tolist():
            query = collection.queries[number]
            scores_N = vectors_ND @ subject.encoder.encode([query.text])[0]
            own = scores_N[places[collection.photos[query.photo].image_id]]
            skipped_Q[number] |= bool(np.count_nonzero(scores_N > own) < depth)
    return skipped_Q
