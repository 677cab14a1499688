"""Every query of a collection through the engine that users call. Reads an opened index, yields scores.

Shape suffixes: Q queries of a batch, P photos of the collection, N photos of the index.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from eval.collection import Collection, Query
from retrieval.engine import SearchEngine
from retrieval.errors import DatasetError
from retrieval.progress import Progress

_NAMED = 3


@dataclass(frozen=True, slots=True, eq=False)
class ScoredQueries:
    """Consecutive queries and, float32 (Q, P), what each photo of the collection scored; -inf: none."""

    queries: tuple[Query, ...]
    scores_QP: np.ndarray


def locate_photos(collection: Collection, image_ids: Sequence[str]) -> np.ndarray:
    """int64 (P,): the place of each photo of the collection among the index's `image_ids`.

    `DatasetError` naming the first photos that the index lacks: they would be misses that no search can find.
    """
    places = {image_id: place for place, image_id in enumerate(image_ids)}
    missing = [photo.paths[0].name for photo in collection.photos if photo.image_id not in places]
    if missing:
        first = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
        raise DatasetError(
            f"the index lacks {len(missing)} of the {len(collection.photos)} photos of split "
            f"{collection.split!r} ({first}); index all of them, as they are there, and try again"
        )
    return np.array([places[photo.image_id] for photo in collection.photos], dtype=np.int64)


def search_collection(
    engine: SearchEngine, collection: Collection, channel: str, queries_per_batch: int, progress: Progress
) -> Iterator[ScoredQueries]:
    """The scores of all queries, batch by batch; photos that are only in the index compete for nothing."""
    queries = collection.queries
    for start in range(0, len(queries), queries_per_batch):
        batch = queries[start : start + queries_per_batch]
        ranking = engine.rank([query.text for query in batch], channel=channel)
        scores_QN = np.full((len(batch), len(ranking.image_ids) + 1), -np.inf, dtype=np.float32)
        # A place that no photo fills has the number -1: the last column, which is cut off.
        np.put_along_axis(scores_QN, ranking.photos_QK, ranking.scores_QK, axis=1)
        yield ScoredQueries(batch, scores_QN[:, locate_photos(collection, ranking.image_ids)])
        progress("Searching", start + len(batch), len(queries))
