"""USearch: a graph over vectors in bfloat16, its fastest. Reads and writes DIR/index.usearch."""

from pathlib import Path
from typing import Any, Self

import numpy as np

from eval.bench.peers.peer import EFFORTS, Peer

_FILE = "index.usearch"


class USearchPeer(Peer):
    """HNSW, mapped into memory, with its own defaults."""

    name = "usearch"
    packages = ("usearch",)
    efforts = EFFORTS

    def __init__(self, index: Any) -> None:
        """Use `open`."""
        self._index = index

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        """As `Peer.build`."""
        from usearch.index import Index

        index = Index(ndim=vectors_ND.shape[1], metric="ip", dtype="bf16")
        index.add(np.arange(len(vectors_ND), dtype=np.uint64), np.ascontiguousarray(vectors_ND))
        index.save(str(folder / _FILE))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """As `Peer.open`."""
        from usearch.index import Index

        return cls(Index.restore(str(folder / _FILE), view=True))

    def set_effort(self, effort: int) -> None:
        """As `Peer.set_effort`: the candidates of a search."""
        self._index.expansion_search = effort

    def search(self, queries_QD: np.ndarray, k: int) -> np.ndarray:
        """As `Peer.search`."""
        found = self._index.search(queries_QD, k)
        ids_QK = np.asarray(found.keys).reshape(len(queries_QD), -1).astype(np.int64)
        return ids_QK
