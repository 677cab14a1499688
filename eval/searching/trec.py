"""Runs and relevance judgements in the formats of trec_eval. Writes run.*.txt and qrels.txt.

Photos go by their `image_id`, a hash of their content: trec_eval orders photos of equal score by name, and
such names know nothing of the query.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from eval.dataset.collection import Collection
from eval.searching.scored_queries import ScoredQueries
from retrieval.store.files import write_aside


def format_qrels(collection: Collection) -> bytes:
    """One line per query: query, 0, right photo, 1."""
    lines = (f"{query.name} 0 {collection.photos[query.photo].image_id} 1\n" for query in collection.queries)
    return "".join(lines).encode()


class RunWriter:
    """Appends queries to a run: query, Q0, photo, rank, score, tag; the best `depth` photos of each."""

    def __init__(self, file: TextIO, collection: Collection, tag: str, depth: int) -> None:
        self._file, self._tag, self._depth = file, tag.replace("%", "%%"), depth
        self._templates: dict[int, str] = {}
        names = [photo.image_id for photo in collection.photos]
        self._order_P = np.array(
            sorted(range(len(names)), key=names.__getitem__, reverse=True), dtype=np.int64
        )
        self._names = [names[number] for number in self._order_P]

    def write(self, scored: ScoredQueries) -> None:
        """Equal scores are in trec_eval's order: the greater `image_id` first."""
        scores_QP = scored.scores_QP[:, self._order_P]
        best_QK = np.argsort(-scores_QP, axis=1, kind="stable")[:, : self._depth]
        best_scores_QK = np.take_along_axis(scores_QP, best_QK, axis=1)
        found_Q = np.count_nonzero(best_scores_QK > -np.inf, axis=1).tolist()
        places = zip(scored.queries, best_QK.tolist(), best_scores_QK.tolist(), found_Q, strict=True)
        for query, best_K, scores_K, found in places:
            fields = (
                field
                for number, score in zip(best_K[:found], scores_K, strict=False)
                for field in (query.name, self._names[number], score)
            )
            self._file.write(self._template(found) % tuple(fields))

    def _template(self, places: int) -> str:
        """So many lines, to be filled in together, which takes half the time of line by line."""
        if places not in self._templates:
            ranks = range(1, places + 1)
            self._templates[places] = "".join(f"%s Q0 %s {rank} %.9g {self._tag}\n" for rank in ranks)
        return self._templates[places]


@contextmanager
def open_run(path: Path, collection: Collection, tag: str, depth: int) -> Iterator[RunWriter]:
    """A writer for the block; the file appears, whole, when the block ends without an error."""
    with write_aside(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        yield RunWriter(file, collection, tag, depth)
