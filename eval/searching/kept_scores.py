"""What a system scored, kept in a file: a second look at it takes no second search.

Reads and writes that file alone, batch by batch, so that no more than a batch is in memory.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from eval.dataset.collection import Collection
from eval.searching.scored_queries import ScoredQueries


class KeptScores:
    """The scores of all queries of a collection, float32."""

    def __init__(self, collection: Collection, file: BinaryIO) -> None:
        """They take 4 bytes a query and photo in `file`, which is empty and stays open meanwhile."""
        self._collection = collection
        self._file = file
        self._own_scores = list[np.ndarray]()

    def record(self, scored: ScoredQueries) -> None:
        """The next queries; all of them, in the collection's order, before any is read."""
        self._own_scores.append(scored.own_scores)
        scored.scores_QP.astype(np.float32, copy=False).tofile(self._file)

    @property
    def own_scores(self) -> np.ndarray:
        """Float32 (queries,): what each query's own photo scored."""
        return np.concatenate(self._own_scores)

    def read(self, queries_per_batch: int) -> Iterator[ScoredQueries]:
        """What was kept, batch by batch."""
        queries, photos = self._collection.queries, len(self._collection.photos)
        self._file.seek(0)
        for start in range(0, len(queries), queries_per_batch):
            batch = queries[start : start + queries_per_batch]
            scores = np.fromfile(self._file, np.float32, len(batch) * photos)
            yield ScoredQueries(batch, scores.reshape(len(batch), photos))
