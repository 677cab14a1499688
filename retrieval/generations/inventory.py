"""The files that a generation consists of. Reads their sizes and hashes where asked to; writes nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval.channels.lexical_file import words_path
from retrieval.channels.vector_index import vectors_path
from retrieval.store.files import hash_file, require_lost
from retrieval.store.manifest import HeadRecord, Manifest
from retrieval.store.shards import shard_path
from retrieval.text.text_head import head_path

FOLDERS = ("manifests", "shards", "vectors", "lexical", "heads")
"""What of an index's folder belongs to generations; whatever else lies there is left alone."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file that a manifest names. Derived files can be made again from the shards."""

    path: Path
    sha256: str
    bytes: int
    derived: bool

    def find_damage(self, fast: bool = False) -> str | None:
        """What is wrong with the file, in a few words, or None. `fast` looks at its size alone."""
        try:
            return self._compare(fast)
        except OSError as error:
            return f"cannot be read: {error.strerror}"

    def is_lost(self) -> bool:
        """Whether the file is not as it was written, and never will be.

        Raises:
            UnreadableError: it may be read another time.
        """
        try:
            return self._compare() is not None
        except OSError as error:
            require_lost(self.path, error)
            return True

    def _compare(self, fast: bool = False) -> str | None:
        found = self.path.stat().st_size
        if found != self.bytes:
            return f"found {found} bytes, expected {self.bytes}"
        if not fast and (sha256 := hash_file(self.path)) != self.sha256:
            return f"found SHA-256 {sha256}, expected {self.sha256}"
        return None


def list_files(index: Path, manifest: Manifest) -> Iterator[IndexFile]:
    """Every file that the manifest names: first shards and the text head, then what is derived from them."""
    unfinished = manifest.unfinished.shards if manifest.unfinished else ()
    for shard in (*manifest.shards, *unfinished):
        yield IndexFile(shard_path(index, shard.sha256), shard.sha256, shard.bytes, derived=False)
    if isinstance(head := manifest.image_head, HeadRecord):
        yield IndexFile(head_path(index, head), head.text_sha256, head.text_bytes, derived=False)
    for record in manifest.vectors:
        yield IndexFile(vectors_path(index, record), record.sha256, record.bytes, derived=True)
    if (words := manifest.lexical) is not None:
        yield IndexFile(words_path(index, words), words.sha256, words.bytes, derived=True)


def list_nameless_shards(index: Path, manifests: Iterable[Manifest]) -> list[Path]:
    """The shards that are there and that none of these manifests names."""
    named = {file.path for manifest in manifests for file in list_files(index, manifest)}
    return [path for path in sorted((index / "shards").glob("*.parquet")) if path not in named]
