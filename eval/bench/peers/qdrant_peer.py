"""Qdrant Edge: a graph over float32 in a shard. Reads and writes its files in DIR."""

from pathlib import Path
from typing import Any, Self

import numpy as np

from eval.bench.peers.peer import EFFORTS, Peer

_AT_ONCE = 1000


class QdrantPeer(Peer):
    """HNSW, indexed whole by `optimize`, with its own defaults."""

    name = "qdrant edge"
    packages = ("qdrant_edge",)
    efforts = EFFORTS

    def __init__(self, shard: Any) -> None:
        """Use `open`."""
        self._shard = shard
        self._effort = self.efforts[0]

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        """As `Peer.build`."""
        from qdrant_edge import Distance, EdgeConfig, EdgeShard, EdgeVectorParams, Point, UpdateOperation

        vectors = EdgeVectorParams(size=vectors_ND.shape[1], distance=Distance.Dot)
        shard = EdgeShard.create(str(folder), EdgeConfig(vectors=vectors))
        for start in range(0, len(vectors_ND), _AT_ONCE):
            part = enumerate(vectors_ND[start : start + _AT_ONCE].tolist(), start)
            points = [Point(id=row, vector=vector) for row, vector in part]
            shard.update(UpdateOperation.upsert_points(points))
        shard.optimize()
        shard.flush()
        shard.close()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """As `Peer.open`."""
        from qdrant_edge import EdgeShard

        return cls(EdgeShard.load(str(folder)))

    def set_effort(self, effort: int) -> None:
        """As `Peer.set_effort`: the candidates of a search."""
        self._effort = effort

    def search(self, queries_QD: np.ndarray, k: int) -> np.ndarray:
        """As `Peer.search`."""
        from qdrant_edge import Query, QueryBatchRequest, QueryRequest, SearchParams

        params = SearchParams(hnsw_ef=self._effort)
        asked = [
            QueryRequest(limit=k, query=Query.Nearest(each), params=params) for each in queries_QD.tolist()
        ]
        found = self._shard.query_batch(QueryBatchRequest(asked))
        return np.array([[point.id for point in points] for points in found], dtype=np.int64)
