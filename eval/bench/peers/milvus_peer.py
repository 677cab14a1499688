"""Milvus Lite: a graph over float32. Reads and writes DIR/vectors.db."""

from pathlib import Path
from typing import Any, Self

import numpy as np

from eval.bench.peers.peer import EFFORTS, Peer

_NAME, _FILE, _AT_ONCE = "vectors", "vectors.db", 4096


class MilvusLitePeer(Peer):
    """HNSW through `MilvusClient`, with its own defaults."""

    name = "milvus lite"
    packages = ("pymilvus", "milvus_lite")
    efforts = EFFORTS

    def __init__(self, client: Any) -> None:
        """Use `open`."""
        self._client = client
        self._effort = self.efforts[0]

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        """As `Peer.build`."""
        from pymilvus import DataType, MilvusClient

        client = MilvusClient(str(folder / _FILE))
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=vectors_ND.shape[1])
        index = MilvusClient.prepare_index_params()
        index.add_index("vector", index_type="HNSW", metric_type="IP")
        client.create_collection(_NAME, schema=schema)
        for start in range(0, len(vectors_ND), _AT_ONCE):
            part = enumerate(vectors_ND[start : start + _AT_ONCE], start)
            client.insert(_NAME, [{"id": row, "vector": vector} for row, vector in part])
        client.flush(_NAME)
        client.create_index(_NAME, index)
        client.load_collection(_NAME)
        client.close()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """As `Peer.open`."""
        from pymilvus import MilvusClient

        client = MilvusClient(str(folder / _FILE))
        client.load_collection(_NAME)
        return cls(client)

    def set_effort(self, effort: int) -> None:
        """As `Peer.set_effort`: the candidates of a search."""
        self._effort = effort

    def search(self, queries_QD: np.ndarray, k: int) -> np.ndarray:
        """As `Peer.search`."""
        how = {"params": {"ef": self._effort}}
        found = self._client.search(_NAME, list(queries_QD), limit=k, search_params=how)
        return np.array([[hit["id"] for hit in hits] for hits in found], dtype=np.int64)
