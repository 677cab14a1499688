"""The best rows for a query, as many as are wanted. Reads a Milvus.

Shapes: K and W rows of one query's answer.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from retrieval.milvus import connection
from retrieval.milvus.connection import Connection
from retrieval.milvus.row_keys import KEY, exclude

# Scores that are nearer to each other than this may come in either order: sums are rounded as they are added.
_SLACK = 2e-6


@dataclass(frozen=True, slots=True)
class SearchedField:
    """A vector field of a collection that is searched by inner product."""

    milvus: Connection
    collection: str
    name: str

    def search(self, query: Any, k: int, condition: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """(scores float32 (W,), keys int64 (W,)) for a query, best first.

        Where W is more than k, none of those that are left out is as good as the k-th. `condition` is a
        filter in Milvus's language, empty for none; `rows` is how many there are at most.

        Raises:
            MilvusError: no answer.
        """
        wanted = min(k + 1, rows)
        while True:
            scores_W, keys_W = self._read(query, wanted, condition)
            # Fewer than wanted are all that there are.
            clear = len(scores_W) < wanted or scores_W[k - 1] - scores_W[-1] > _slack(scores_W[k - 1])
            if wanted == rows or clear:
                return scores_W, keys_W
            wanted = min(2 * wanted, rows)

    def _read(self, query: Any, wanted: int, condition: str) -> tuple[np.ndarray, np.ndarray]:
        """The best rows, page by page: each further page leaves out those before."""
        scores_W, keys_W = self._ask(query, min(wanted, connection.PAGE), condition)
        size = len(keys_W)
        while size == connection.PAGE and len(keys_W) < wanted:
            others = f"({condition}) and {exclude(keys_W)}" if condition else exclude(keys_W)
            scores, keys = self._ask(query, min(wanted - len(keys_W), connection.PAGE), others)
            size = len(keys)
            scores_W, keys_W = np.concatenate([scores_W, scores]), np.concatenate([keys_W, keys])
        # Between two pages, scores may be rounded in another way.
        order_W = np.argsort(-scores_W, kind="stable")
        return scores_W[order_W], keys_W[order_W]

    def _ask(self, query: Any, limit: int, condition: str) -> tuple[np.ndarray, np.ndarray]:
        (answer,) = self.milvus.call(
            "search",
            self.collection,
            data=[query],
            anns_field=self.name,
            limit=limit,
            filter=condition,
            output_fields=[KEY],
            search_params={"metric_type": "IP"},
        )
        scores_W = np.array([hit["distance"] for hit in answer], dtype=np.float32)
        return scores_W, np.array([hit[KEY] for hit in answer], dtype=np.int64)


def find_near_ties(scores_W: np.ndarray) -> np.ndarray:
    """Bool (W,): which of these scores, best first, are no further from their neighbour than rounding is."""
    near_V = scores_W[:-1] - scores_W[1:] <= _slack(scores_W[:-1])
    return np.append(near_V, False) | np.append(False, near_V) if len(scores_W) else np.zeros(0, dtype=bool)


def _slack(score: Any) -> Any:
    return _SLACK * np.maximum(1.0, np.abs(score))
