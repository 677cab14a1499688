"""The words of photos in Milvus. Reads and writes two collections of it.

One holds a photo's words as a sparse vector of BM25 weights, and its stems in order for phrases; the other
says which dimension of that vector a stem is, and how many photos have it. Milvus's own analysers split and
stem words in other ways, and Milvus Lite's BM25 knows one segment's statistics, not all photos'.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from retrieval.channels.best_scores import make_answer, sort_best
from retrieval.channels.stems import stem_words
from retrieval.channels.word_index import weigh_stem
from retrieval.errors import MilvusError
from retrieval.milvus.collection import LONGEST_TEXT, create_collection, finish_collection, insert_rows
from retrieval.milvus.connection import Connection
from retrieval.milvus.pages import SearchedField
from retrieval.milvus.row_keys import KEY, RowKeys
from retrieval.milvus.word_weights import WordStatistics, count_words, split_stems

_WEIGHTS, _TEXT = "weights", "stems"
_STEM, _PHOTOS, _NO_VECTOR = "stem", "photos", "nothing"
# A vector may not be empty: this dimension every photo has, and no query.
_EVERY_PHOTO = {0: 1e-30}
# No stem has it in it, nor a space: letters and digits alone.
_BETWEEN_TEXTS = " | "
_STEMS_AT_ONCE = 1000


class MilvusWords:
    """The stems of photos' texts, with ids, searched by Milvus."""

    def __init__(self, milvus: Connection, words: str, stems: str, rows: RowKeys) -> None:
        """`words` and `stems` are collections; `rows` are all that `words` holds."""
        self._milvus = milvus
        self._words = words
        self._stems = stems
        self._rows = rows
        self._field = SearchedField(milvus, words, _WEIGHTS)

    def search(
        self, queries: Sequence[str], k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `WordIndex.search`.

        Raises:
            MilvusError: no answer.
        """
        scores_QK, ids_QK = make_answer(len(queries), k)
        condition, count = self._rows.condition(allowed)
        for row, query in enumerate(queries if count else ()):
            vector = {number: 1.0 for number, _ in self._look_up(stem_words(query)).values()}
            if not vector:
                continue
            scores, keys = self._field.search(vector, min(k, count), condition, count)
            best, ids = sort_best(scores, self._rows.find_ids(keys), k)
            scores_QK[row, : len(ids)], ids_QK[row, : len(ids)] = best, ids
        return scores_QK, ids_QK

    def weigh(self, query: str) -> float:
        """As `WordIndex.weigh`.

        Raises:
            MilvusError: no answer.
        """
        stems = set(stem_words(query))
        known = self._look_up(stems)
        holding = [known[stem][1] if stem in known else 0 for stem in stems]
        return sum(weigh_stem(len(self._rows), photos) for photos in sorted(holding))

    def photos_with_phrase(self, stems: Sequence[str]) -> np.ndarray:
        """As `WordIndex.photos_with_phrase`.

        Raises:
            MilvusError: no answer.
        """
        if not stems:
            return np.zeros(0, dtype=np.int64)
        condition = f'{_TEXT} like "% {" ".join(stems)} %"'
        keys = [row[KEY] for row in self._milvus.list_rows(self._words, condition, [KEY])]
        return np.sort(self._rows.find_ids(np.array(keys, dtype=np.int64)))

    def _look_up(self, stems: Iterable[str]) -> dict[str, tuple[int, int]]:
        """The dimension of each stem that some photo has, and how many have it."""
        wanted = [stem for stem in dict.fromkeys(stems) if len(stem.encode()) <= LONGEST_TEXT]
        known: dict[str, tuple[int, int]] = {}
        for start in range(0, len(wanted), _STEMS_AT_ONCE):
            some = wanted[start : start + _STEMS_AT_ONCE]
            quoted = ", ".join(f'"{stem}"' for stem in some)
            asked: dict[str, Any] = {
                "filter": f"{_STEM} in [{quoted}]",
                "output_fields": [KEY, _STEM, _PHOTOS],
            }
            rows = self._milvus.call("query", self._stems, limit=len(some), **asked)
            known |= {row[_STEM]: (row[KEY], row[_PHOTOS]) for row in rows}
        return known


def fill_words(
    milvus: Connection,
    words: str,
    stems: str,
    read: Callable[[], Iterable[tuple[int, Sequence[str]]]],
) -> None:
    """Make both collections of photos' texts; `read` gives (key, texts) of each photo, and is called twice.

    Raises:
        MilvusError: no answer, not all of them arrived, or texts that are longer than Milvus takes.
    """
    statistics = count_words(split_stems(texts) for _, texts in read())
    numbers = {stem: number for number, stem in enumerate(sorted(statistics.photos_with), start=1)}
    _fill_stems(milvus, stems, numbers, statistics)
    create_collection(milvus, words, _WEIGHTS, None, texts=(_TEXT,))
    rows, batch = 0, []
    for key, texts in read():
        batch.append(_make_row(key, texts, numbers, statistics))
        if len(batch) == _STEMS_AT_ONCE:
            insert_rows(milvus, words, batch)
            rows, batch = rows + len(batch), []
    insert_rows(milvus, words, batch)
    finish_collection(milvus, words, rows + len(batch))


def _fill_stems(
    milvus: Connection, collection: str, numbers: dict[str, int], statistics: WordStatistics
) -> None:
    # A collection without a vector is none to Milvus.
    create_collection(milvus, collection, _NO_VECTOR, 2, texts=(_STEM,), numbers=(_PHOTOS,))
    rows = [
        {KEY: number, _STEM: stem, _PHOTOS: statistics.photos_with[stem], _NO_VECTOR: [1.0, 0.0]}
        for stem, number in numbers.items()
    ]
    insert_rows(milvus, collection, rows)
    finish_collection(milvus, collection, len(rows))


def _make_row(
    key: int, texts: Sequence[str], numbers: dict[str, int], statistics: WordStatistics
) -> dict[str, object]:
    stems = split_stems(texts)
    weights = {numbers[stem]: weight for stem, weight in statistics.weigh(stems).items()}
    text = f" {_BETWEEN_TEXTS.join(' '.join(each) for each in stems)} "
    if len(text.encode()) > LONGEST_TEXT:
        raise MilvusError(
            f"found captions of {len(text.encode())} bytes (row {key} of the shards), expected at most "
            f"{LONGEST_TEXT}, which is all that Milvus takes; shorten them"
        )
    return {KEY: key, _WEIGHTS: _EVERY_PHOTO | weights, _TEXT: text}
