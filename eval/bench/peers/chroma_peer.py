"""Chroma: a graph over float32. Reads and writes its files in DIR."""

from pathlib import Path
from typing import Any, Self

import numpy as np

from eval.bench.peers.peer import EFFORTS, Peer

_NAME = "vectors"


class ChromaPeer(Peer):
    """HNSW through `PersistentClient`, with its own defaults."""

    name = "chroma"
    packages = ("chromadb",)
    efforts = EFFORTS

    def __init__(self, folder: Path) -> None:
        """Use `open`."""
        self._folder = folder
        self._connect()

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        """As `Peer.build`."""
        client = _connect(folder)
        collection = client.create_collection(
            _NAME, configuration={"hnsw": {"space": "ip"}}, embedding_function=None
        )
        batch = client.get_max_batch_size()
        for start in range(0, len(vectors_ND), batch):
            part = vectors_ND[start : start + batch]
            collection.add(ids=[str(start + row) for row in range(len(part))], embeddings=part)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """As `Peer.open`."""
        return cls(folder)

    def set_effort(self, effort: int) -> None:
        """As `Peer.set_effort`: the candidates of a search, of which a graph in memory hears nothing."""
        self._collection.modify(configuration={"hnsw": {"ef_search": effort}})
        self._client.close()
        self._client.clear_system_cache()
        self._connect()

    def search(self, queries_QD: np.ndarray, k: int) -> np.ndarray:
        """As `Peer.search`."""
        found = self._collection.query(query_embeddings=queries_QD, n_results=k, include=[])
        return np.array([[int(each) for each in ids] for ids in found["ids"]], dtype=np.int64)

    def _connect(self) -> None:
        self._client = _connect(self._folder)
        self._collection = self._client.get_collection(_NAME, embedding_function=None)


def _connect(folder: Path) -> Any:
    from chromadb import PersistentClient
    from chromadb.config import Settings

    return PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
