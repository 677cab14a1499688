"""Words in captions, by tantivy (BM25, k1 = 1.2, b = 0.75). Reads and writes bytes, and no file that stays.

What tantivy writes is the same for the same texts but for one random name, which is replaced: the same texts
give the same bytes.
"""

import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.channels.best_scores import find_best, make_answer, sort_best
from retrieval.channels.stems import make_analyzer, stem_words
from retrieval.channels.word_index import weigh_stem
from retrieval.errors import IndexFormatError, RetrievalError, first_line
from retrieval.normal_form import normalize_text
from retrieval.store.packed_folder import open_scratch_folder, pack_files, unpack_files

if TYPE_CHECKING:
    from tantivy import Index, Query, Schema, Searcher

_FIELD = "words"
_ANALYZER = "english"
_IDS = "ids"
_SEGMENT = "00000000-0000-0000-0000-000000000000"
# One segment has the photos in the order in which they were added. A second one is begun when this much is
# taken, in bytes, which is tantivy's limit: millions of photos.
_MEMORY = 4_000_000_000
NOBODY = np.zeros(0, dtype=np.int64)
# Stems of queries whose photos are kept, 12 bytes for each photo that has one.
_REMEMBERED = 4096


class LexicalIndex:
    """The stems of photos' texts, with ids. A photo's texts are apart: no phrase reaches over two of them."""

    kind = "tantivy"

    def __init__(self, index: "Index", ids_N: np.ndarray, first_rows: Sequence[int] = (0,)) -> None:
        """Use `from_bytes`. `first_rows` are the rows of the first text of tantivy's segments."""
        self._index = index
        self._searcher = index.searcher()
        self._first_rows = first_rows
        # Not of this object, which would hold itself: it is to go when nobody needs it.
        self._score_stem = lru_cache(_REMEMBERED)(
            partial(_score_stem, self._searcher, index.schema, first_rows)
        )
        self.ids = ids_N
        self._some_are_gone = bool((ids_N < 0).any())

    @classmethod
    def from_bytes(
        cls, data: bytes, recent: Sequence[Sequence[str]] = (), recent_ids_R: np.ndarray = NOBODY
    ) -> "LexicalIndex":
        """The inverse of `pack_texts`. The bytes must come from a file whose hash was verified.

        The texts of `recent` photos are added, with ids (R,): they count as if they were among the others.

        Raises:
            IndexFormatError: not such an index, or one by a version of tantivy that this one cannot read.
            RetrievalError: as `pack_texts`.
        """
        try:
            files = unpack_files(data)
            ids_N = np.frombuffer(files.pop(_IDS), dtype="<i8").astype(np.int64)
            cleaned = _clean(recent)
            with open_scratch_folder(len(data) + _measure(cleaned)) as folder:
                for name, content in files.items():
                    (folder / name).write_bytes(content)
                # What tantivy has opened stays open when the folder is removed.
                index = _open(folder)
                _require_photos(index, len(ids_N), min(1, len(ids_N)))
                if not cleaned:
                    return cls(index, ids_N)
                first_rows = _add_recent(folder, index, cleaned, len(ids_N))
                return cls(index, np.concatenate([ids_N, recent_ids_R]), first_rows)
        except (tarfile.TarError, KeyError, ValueError) as error:
            raise IndexFormatError(f"found no index of words: {error}; index again") from None

    def __len__(self) -> int:
        return len(self.ids)

    def with_ids(self, ids_N: np.ndarray) -> "LexicalIndex":
        """The same texts under other ids, in the order of `ids`.

        What gets -1 is no answer any more, but counts still where it says how rare a word is.
        """
        return LexicalIndex(self._index, ids_N, self._first_rows)

    def search(
        self, queries: Sequence[str], k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `WordIndex.search`."""
        scores_QK, ids_QK = make_answer(len(queries), k)
        for query, text in enumerate(queries):
            scores, ids = self._search_one(stem_words(text), k, allowed)
            scores_QK[query, : len(scores)], ids_QK[query, : len(ids)] = scores, ids
        return scores_QK, ids_QK

    def weigh(self, query: str) -> float:
        """As `WordIndex.weigh`."""
        holding = [self._searcher.doc_freq(_FIELD, stem) for stem in set(stem_words(query))]
        return sum(weigh_stem(len(self), photos) for photos in sorted(holding))

    def photos_with_phrase(self, stems: Sequence[str]) -> np.ndarray:
        """As `WordIndex.photos_with_phrase`."""
        if len(stems) < 2:
            rows = [self._score_stem(stem)[0] for stem in stems]
        else:
            from tantivy import Query

            phrase = Query.phrase_query(self._index.schema, _FIELD, list(stems))
            rows = [_find(self._searcher, Query.const_score_query(phrase, 1.0), self._first_rows)[0]]
        ids = np.sort(self.ids[np.concatenate(rows)]) if rows else self.ids[:0]
        return ids[ids >= 0]

    def _search_one(
        self, stems: Sequence[str], k: int, allowed: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        scores_N = np.zeros(len(self), dtype=np.float32)
        for stem in dict.fromkeys(stems):
            rows, scores = self._score_stem(stem)
            scores_N[rows] += scores
        if allowed is not None:
            scores_N[~np.append(allowed, False)[self.ids]] = 0
        elif self._some_are_gone:
            scores_N[self.ids < 0] = 0
        best = find_best(scores_N, k)
        best = best[scores_N[best] > 0]
        return sort_best(scores_N[best], self.ids[best], k)


def _score_stem(
    searcher: "Searcher", schema: "Schema", first_rows: Sequence[int], stem: str
) -> tuple[np.ndarray, np.ndarray]:
    """As `_find`, of the photos that have this stem; a query scores them the sum of what its stems do.

    tantivy finds a thousand photos in less time than it takes to hand them over one by one: it is asked once
    for each stem.
    """
    from tantivy import Query

    return _find(searcher, Query.term_query(schema, _FIELD, stem), first_rows)


def _find(searcher: "Searcher", query: "Query", first_rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """(rows int64 (F,), scores float32 (F,)) of all photos that a query of tantivy's finds."""
    hits = searcher.search(query, limit=max(searcher.num_docs, 1), count=False).hits
    rows = np.array([address.doc for _, address in hits], dtype=np.int64)
    if len(first_rows) > 1:
        rows += np.array([first_rows[address.segment_ord] for _, address in hits], dtype=np.int64)
    return rows, np.array([score for score, _ in hits], dtype=np.float32)


def pack_texts(texts: Iterable[Sequence[str]], ids_N: np.ndarray) -> bytes:
    """What `LexicalIndex.from_bytes` reads: a tar of tantivy's files, and the ids. Same input, same bytes.

    Raises:
        RetrievalError: the temporary files cannot be written, or there are more texts than can be had.
    """
    from tantivy import Index

    cleaned = _clean(texts)
    if len(cleaned) != len(ids_N):
        raise RetrievalError(f"found texts of {len(cleaned)} photos, expected {len(ids_N)}, one for each id")
    with open_scratch_folder(_measure(cleaned)) as folder:
        with _say_no_room(folder):
            _add(_prepare(Index(_make_schema(), str(folder))), cleaned)
        files = _read_named(folder)
    return pack_files(files | {_IDS: np.asarray(ids_N, dtype="<i8").tobytes()})


def _clean(texts: Iterable[Sequence[str]]) -> list[list[str]]:
    return [[normalize_text(text) for text in each] for each in texts]


def _measure(texts: Iterable[Sequence[str]]) -> int:
    """The bytes that tantivy's files of these texts may take."""
    return 4 * sum(len(text) for each in texts for text in each) + 1_000_000


@contextmanager
def _say_no_room(folder: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        reason = first_line(error)
        raise RetrievalError(
            f"cannot write the words of the captions to {folder.parent} for the moment: {reason}; "
            "make room there, or set TMPDIR to another folder"
        ) from None


def _add(index: "Index", texts: Iterable[Sequence[str]]) -> None:
    from tantivy import Document

    writer = index.writer(_MEMORY, num_threads=1)
    for each in texts:
        document = Document()
        for text in each:
            document.add_text(_FIELD, text)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


def _add_recent(folder: Path, index: "Index", texts: Sequence[Sequence[str]], photos: int) -> tuple[int, ...]:
    """Add texts to an index of so many photos; returns the first rows of its segments."""
    with _say_no_room(folder):
        _add(index, texts)
    index.reload()
    segments = [
        segment["segment_id"] for segment in json.loads((folder / "meta.json").read_text())["segments"]
    ]
    _require_photos(index, photos + len(texts), min(1, photos) + 1)
    return tuple(0 if segment == _SEGMENT else photos for segment in segments)


def _require_photos(index: "Index", photos: int, segments: int) -> None:
    searcher = index.searcher()
    if (searcher.num_segments, searcher.num_docs) != (segments, photos):
        raise IndexFormatError(
            f"found words of {searcher.num_docs} photos in {searcher.num_segments} segments, "
            f"expected {photos} in {segments}; index again"
        )


def _read_named(folder: Path) -> dict[str, bytes]:
    """The files of the one segment, under a name that is always the same."""
    meta = (folder / "meta.json").read_text()
    segments = [segment["segment_id"] for segment in json.loads(meta)["segments"]]
    if len(segments) > 1:
        raise RetrievalError("found more words than one index can hold; make several indexes")
    files = {}
    for segment in segments:
        meta = meta.replace(segment, _SEGMENT)
        for path in folder.glob(f"{segment.replace('-', '')}.*"):
            files[_SEGMENT.replace("-", "") + path.suffix] = path.read_bytes()
    return files | {"meta.json": meta.encode()}


def _make_schema() -> "Schema":
    from tantivy import SchemaBuilder

    return SchemaBuilder().add_text_field(_FIELD, tokenizer_name=_ANALYZER).build()


def _open(folder: Path) -> "Index":
    from tantivy import Index

    return _prepare(Index.open(str(folder)))


def _prepare(index: "Index") -> "Index":
    # The files never change: a thread of tantivy's is not to open them again when it finds them gone.
    index.config_reader(reload_policy="manual")
    index.register_tokenizer(_ANALYZER, make_analyzer())
    return index
