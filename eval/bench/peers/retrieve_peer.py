"""Ours, as an index holds and searches a channel's vectors. Reads and writes DIR/vectors, DIR/record.json."""

import dataclasses
import json
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from eval.bench.peers.peer import EFFORTS, Peer
from retrieval.channels.approximate_index import ApproximateIndex
from retrieval.channels.vector_choice import build_vector_index, tune_effort
from retrieval.channels.vector_index import VectorIndex, read_vectors, write_vectors
from retrieval.store.manifest import VectorsRecord, VectorsWish

_RECORD = "record.json"


class RetrievePeer(Peer):
    """The kind that the number of vectors asks for."""

    name = "retrieve"
    packages = ("retrieval", "faiss")
    efforts = EFFORTS
    wish: ClassVar[VectorsWish] = VectorsWish()

    def __init__(self, vectors: VectorIndex) -> None:
        """Use `open`."""
        self._vectors = vectors

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        """As `Peer.build`."""
        built = build_vector_index(vectors_ND, np.arange(len(vectors_ND)), cls.wish)
        ann_recall = tune_effort(built, cls.wish.ann_recall)
        record = write_vectors(folder, "caption", built, ann_recall)
        (folder / _RECORD).write_text(json.dumps(dataclasses.asdict(record)))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """As `Peer.open`."""
        record = VectorsRecord(**json.loads((folder / _RECORD).read_text()))
        return cls(read_vectors(folder, record, "cpu"))

    def set_effort(self, effort: int) -> None:
        """As `Peer.set_effort`: the lists that are looked into; 0 leaves it at those that it chose itself."""
        if effort and isinstance(self._vectors, ApproximateIndex):
            self._vectors.set_effort(min(effort, self._vectors.most_effort))

    def search(self, queries_QD: np.ndarray, k: int) -> np.ndarray:
        """As `Peer.search`."""
        return self._vectors.search(queries_QD, k)[1]


class RetrieveGraphPeer(RetrievePeer):
    """The graph, which is never chosen by itself."""

    name = "retrieve hnsw"
    wish = VectorsWish("hnsw")
