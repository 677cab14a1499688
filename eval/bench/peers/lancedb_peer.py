"""LanceDB: a graph over 8-bit quantised vectors, scored again exactly. Reads and writes its files in DIR."""

from pathlib import Path
from typing import Any, Self

import numpy as np

from eval.bench.peers.peer import EFFORTS, Peer

_NAME, _RESCORED = "vectors", 2


class LanceDbPeer(Peer):
    """IVF_HNSW_SQ, its fastest at this recall; it looks at the vectors of twice as many as are wanted."""

    name = "lancedb"
    packages = ("lancedb",)
    efforts = tuple(effort for effort in EFFORTS if effort >= 10 * _RESCORED)

    def __init__(self, table: Any) -> None:
        """Use `open`."""
        self._table = table
        self._effort = self.efforts[0]

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        """As `Peer.build`."""
        import lancedb
        import pyarrow as pa
        from lancedb.index import HnswSq

        flat = pa.array(np.ascontiguousarray(vectors_ND).reshape(-1))
        columns = {
            "id": pa.array(np.arange(len(vectors_ND))),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors_ND.shape[1]),
        }
        table = lancedb.connect(folder).create_table(_NAME, pa.table(columns))
        table.create_index("vector", config=HnswSq(distance_type="dot"))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """As `Peer.open`."""
        import lancedb

        return cls(lancedb.connect(folder).open_table(_NAME))

    def set_effort(self, effort: int) -> None:
        """As `Peer.set_effort`: the candidates of a search."""
        self._effort = effort

    def search(self, queries_QD: np.ndarray, k: int) -> np.ndarray:
        """As `Peer.search`."""
        asked = self._table.search(queries_QD if len(queries_QD) > 1 else queries_QD[0])
        asked = asked.distance_type("dot").ef(self._effort).refine_factor(_RESCORED)
        found = asked.limit(k).select(["id", "_distance"]).to_arrow()
        return np.asarray(found["id"]).reshape(len(queries_QD), k)
