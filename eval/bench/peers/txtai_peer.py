"""Txtai: FAISS's lists of float32. Reads and writes its files in DIR."""

from pathlib import Path
from typing import Any, Self

import numpy as np

from eval.bench.peers.peer import EFFORTS, Peer

_FOLDER = "embeddings"


class TxtaiPeer(Peer):
    """Its own choice of an index, of vectors that are given instead of texts."""

    name = "txtai"
    packages = ("txtai",)
    efforts = tuple(range(1, 9)) + EFFORTS

    def __init__(self, embeddings: Any) -> None:
        """Use `open`."""
        self._embeddings = embeddings

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        """As `Peer.build`."""
        from txtai import Embeddings

        embeddings = Embeddings({"method": "external", "content": False})
        embeddings.index((row, vector, None) for row, vector in enumerate(vectors_ND))
        embeddings.save(str(folder / _FOLDER))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """As `Peer.open`."""
        from txtai import Embeddings

        embeddings = Embeddings()
        embeddings.load(str(folder / _FOLDER))
        return cls(embeddings)

    def set_effort(self, effort: int) -> None:
        """As `Peer.set_effort`: the lists that a search looks into."""
        self._embeddings.config["faiss"] = {"nprobe": effort}

    def search(self, queries_QD: np.ndarray, k: int) -> np.ndarray:
        """As `Peer.search`."""
        found = self._embeddings.batchsearch(list(queries_QD), k)
        return np.array([[number for number, _ in hits] for hits in found], dtype=np.int64)
