"""The keys of rows in Milvus, and the ids that a search knows them by. Reads and writes nothing.

A row's key is the position of the photo's row in the shards.
"""

from functools import cached_property

import numpy as np

from retrieval.errors import MilvusError

KEY = "id"
"""The field of the primary key."""


class RowKeys:
    """Distinct keys int64 (N,), and the id of each."""

    def __init__(self, keys_N: np.ndarray, ids_N: np.ndarray) -> None:
        self.keys = np.array(keys_N, dtype=np.int64)
        self.ids = np.array(ids_N, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.keys)

    def find_ids(self, keys: np.ndarray) -> np.ndarray:
        """The ids of keys.

        Raises:
            MilvusError: a key that is none of these.
        """
        places, there = _look_up(self.keys, self._by_key, keys)
        if not there.all():
            raise MilvusError(
                f"found row {keys[~there][0]} in Milvus, expected rows of the index alone; publish it again"
            )
        ids: np.ndarray = self.ids[places]
        return ids

    def find_keys(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The keys of ids, and bool whether there is such an id."""
        places, there = _look_up(self.ids, self._by_id, ids)
        return self.keys[places] if len(self) else np.zeros(len(ids), dtype=np.int64), there

    def condition(self, allowed: np.ndarray | None) -> tuple[str, int]:
        """A filter for what `allowed`, bool by id, lets through, and how many those are."""
        if allowed is None:
            return "", len(self)
        allowed_N = allowed[self.ids]
        count = int(np.count_nonzero(allowed_N))
        if count == len(self):
            return "", count
        if 2 * count <= len(self):
            return include(self.keys[allowed_N]), count
        return exclude(self.keys[~allowed_N]), count

    @cached_property
    def _by_key(self) -> np.ndarray:
        return np.argsort(self.keys)

    @cached_property
    def _by_id(self) -> np.ndarray:
        return np.argsort(self.ids)


def include(keys: np.ndarray) -> str:
    """A filter that lets these keys through."""
    return f"{KEY} in {keys.tolist()}"


def exclude(keys: np.ndarray) -> str:
    """A filter that leaves these keys out."""
    return f"{KEY} not in {keys.tolist()}"


def _look_up(values_N: np.ndarray, order_N: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where in `values_N`, which `order_N` sorts, each wanted value is; and whether it is there at all."""
    if not len(values_N):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    places = order_N[np.searchsorted(values_N, wanted, sorter=order_N).clip(max=len(values_N) - 1)]
    return places, values_N[places] == wanted
