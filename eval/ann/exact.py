"""What exact search over the stored vectors finds, where the index approximates. Reads an index's shards.

A channel is looked at where its score is the inner product of the query's vector and the photo's stored one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.ann.stored_vectors import read_stored_vectors
from eval.dataset.preparation import Subject
from retrieval.channels.ann_recall import find_kth_scores, measure_ann_recall
from retrieval.channels.channel_vectors import in_image_space
from retrieval.channels.flat_index import FlatIndex
from retrieval.text.image_queries import open_image_queries
from retrieval.text.queries import Queries, QueryEncoder
from retrieval.text.text_encoder import TextEncoder

_K = 10
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class ExactChannel:
    """`vectors` float32 (N, D) in the order of the engine's photos; how sentences get into their space."""

    vectors: np.ndarray
    encoder: TextEncoder
    image_queries: QueryEncoder | None = None

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Float32 (texts, D), of unit length."""
        vectors_QT = self.encoder.encode(texts)
        if self.image_queries is None:
            return vectors_QT
        return self.image_queries.encode_queries(Queries(tuple(texts), vectors_QT))


ExactChannels = Mapping[str, ExactChannel]


def read_exact_channels(subject: Subject) -> ExactChannels:
    """The channels that are looked at, by name; what the shards' readers raise passes through."""
    probe, manifest = [subject.collection.queries[0].text], subject.manifest
    head = manifest.image_head
    found: dict[str, ExactChannel] = {}
    for name, vectors_ND in read_stored_vectors(subject.index, manifest).items():
        through = head and in_image_space(manifest, name) and open_image_queries(subject.index, head, "cpu")
        channel = ExactChannel(vectors_ND, subject.encoder, through or None)
        best = subject.engine.rank(probe, 1, name)
        number, score = int(best.photos_QK[0, 0]), float(best.scores_QK[0, 0])
        if number >= 0 and abs(float(vectors_ND[number] @ channel.encode(probe)[0]) - score) < _TOLERANCE:
            found[name] = channel
    return found


def measure_index(subject: Subject, channels: ExactChannels, texts: Sequence[str]) -> dict[str, float]:
    """`ann_recall@10` in percent by channel, of the index that was evaluated, over these queries."""
    found = {}
    for name, channel in channels.items():
        k, queries_QD = min(_K, len(channel.vectors)), channel.encode(texts)
        answer_QK = subject.engine.rank(texts, k, name).photos_QK
        kth_Q = find_kth_scores(queries_QD, channel.vectors, k)
        found[name] = 100 * measure_ann_recall(answer_QK, queries_QD, channel.vectors, kth_Q)
    return found


def find_skipped(
    subject: Subject, channels: ExactChannels, own_scores: Mapping[str, np.ndarray], depth: int
) -> np.ndarray:
    """Bool (queries,): approximate channels miss a right photo that exact search has among `depth`.

    `own_scores` is what each query's right photo scored, by channel.
    """
    collection = subject.collection
    kinds = {record.channel: record.kind for record in subject.manifest.vectors}
    ids = subject.engine.rank([collection.queries[0].text], 1).image_ids
    places = {image_id: number for number, image_id in enumerate(ids)}
    skipped_Q = np.zeros(len(collection.queries), dtype=bool)
    for name, channel in channels.items():
        if kinds.get(name) == FlatIndex.kind or name not in own_scores:
            continue
        for number in np.flatnonzero(np.isneginf(own_scores[name])).tolist():
            query = collection.queries[number]
            scores_N = channel.vectors @ channel.encode([query.text])[0]
            own = scores_N[places[collection.photos[query.photo].image_id]]
            skipped_Q[number] |= bool(np.count_nonzero(scores_N > own) < depth)
    return skipped_Q
