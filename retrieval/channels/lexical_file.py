"""The words of a generation's photos. Reads shards; reads and writes INDEX/lexical/<sha256>.tar."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from retrieval.channels.lexical_index import NOBODY, LexicalIndex, pack_texts
from retrieval.errors import IndexFormatError
from retrieval.store.files import read_verified, write_hashed
from retrieval.store.manifest import LexicalRecord, Manifest
from retrieval.store.schema import WORD_COLUMNS, PhotoRow
from retrieval.store.shards import read_rows, split_positions


def write_words(index: Path, manifest: Manifest, searchable_N: np.ndarray) -> LexicalRecord:
    """Write the words of the rows at the positions `searchable_N` (ascending) durably.

    The same shards give the same bytes.

    Raises:
        IndexFormatError: a shard is missing or damaged.
        RetrievalError: as `pack_texts`.
    """
    data = pack_texts(read_texts(index, manifest, searchable_N), searchable_N)
    sha256, size = write_hashed(index / "lexical", ".tar", lambda put: put(data))
    return LexicalRecord(sha256, size, LexicalIndex.kind, len(searchable_N))


def read_words(
    index: Path, record: LexicalRecord, recent: Sequence[Sequence[str]] = (), recent_R: np.ndarray = NOBODY
) -> LexicalIndex:
    """The words, under positions for ids; the hash of the file is verified before tantivy sees it.

    To them are added the `recent` texts of the photos whose rows lie at the positions `recent_R`.

    Raises:
        IndexFormatError: the file is missing, damaged, of an unknown kind or not what the manifest says.
        RetrievalError: as `pack_texts`.
    """
    if record.kind != LexicalIndex.kind:
        raise IndexFormatError(
            f"found words of kind {record.kind!r}, expected {LexicalIndex.kind!r}; update this program"
        )
    path = words_path(index, record)
    words = LexicalIndex.from_bytes(read_verified(path, record.sha256), recent, recent_R)
    if (found := len(words) - len(recent_R)) != record.photos:
        raise IndexFormatError(
            f"{path} holds the words of {found} photos, expected {record.photos} as the manifest says; "
            "index again"
        )
    return words


def words_path(index: Path, record: LexicalRecord) -> Path:
    """Where these words lie."""
    return index / "lexical" / f"{record.sha256}.tar"


def list_texts(row: PhotoRow) -> list[str]:
    """What of a photo can be found by its words: what people wrote, or else all captions, and the tags."""
    return [*(caption.text for caption in row.human_captions or row.captions), *row.tags]


def read_texts(index: Path, manifest: Manifest, searchable_N: np.ndarray) -> Iterator[list[str]]:
    """`list_texts` of each row at the positions `searchable_N` (ascending), one shard in memory at a time.

    Raises:
        IndexFormatError: a shard is missing or damaged.
    """
    for shard, _, numbers_R in split_positions(manifest.shards, searchable_N):
        rows = read_rows(index, shard, WORD_COLUMNS)
        yield from (list_texts(rows[number]) for number in numbers_R.tolist())
