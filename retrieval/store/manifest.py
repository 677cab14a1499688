"""The manifest: what one generation of an index consists of.

Reads and writes INDEX/CURRENT (generation and SHA-256 of its manifest) and INDEX/manifests/00000007.json,
whose last line is the SHA-256 of what precedes it: a manifest can be trusted even where CURRENT was lost.
"""

import dataclasses
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from retrieval.config import describe_first
from retrieval.errors import IndexFormatError, IndexNotFoundError, NewerFormatError
from retrieval.store.files import hash_bytes, make_folder, read_verified, require_lost, write_file

FORMAT_VERSION = 1

T = TypeVar("T")

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0)]
_CURRENT = re.compile(rb"(0|[1-9][0-9]{0,7}) ([0-9a-f]{64})\n")
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n\Z')
_END = b"\n}\n"
_MANIFEST_NAME = re.compile(r"([0-9]{8})\.json")
_REPAIR = "run `retrieve repair`"
_EXPECTED_CURRENT = f"expected a generation and a SHA-256; {_REPAIR}, restore it or index again"


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What the index was made with: its name, and a SHA-256 in hex.

    Of a text encoder it is that of its weights; of the `captioner` that of all that decides a photo's row,
    the weights of its models and the settings (`hash_describer`).
    """

    name: str
    sha256: Sha256


def is_same_model(one: ModelRecord, other: ModelRecord) -> bool:
    """Whether both have the same hash, whatever they are called."""
    return one.sha256 == other.sha256


@dataclass(frozen=True, slots=True)
class HeadRecord:
    """The image head that the index was made with, and its side for queries, heads/<sha256>.safetensors.

    `sha256` is that of the weights of both sides, `dimension` the length of the image channel's vectors;
    `text_sha256` and `text_bytes` are those of the file.
    """

    name: str
    sha256: Sha256
    dimension: _Count
    text_sha256: Sha256
    text_bytes: _Count


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """One shards/<sha256>.parquet: its size in bytes, its rows, and when it was written (ISO 8601)."""

    sha256: Sha256
    bytes: _Count
    rows: _Count
    written: str = ""


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """Shards of a run that has not ended, by one captioner: the next run with it carries on from them.

    They come after the manifest's own shards. No search sees them yet.
    """

    captioner: ModelRecord
    shards: tuple[ShardRecord, ...]


@dataclass(frozen=True, slots=True)
class VectorsRecord:
    """One vectors/<sha256>.faiss: the channel it serves, its kind (such as "flat") and its shape.

    `in_image_space` says that queries of this channel go where those of the image channel go. Older image
    vectors do not say so, though it holds for them; older captions did not go through the text head.

    `settings` are FAISS's, by their names there; `ann_recall` is what they found of the exact ten nearest,
    0 to 1, when it was built.
    """

    channel: str
    sha256: Sha256
    bytes: _Count
    kind: str
    vectors: _Count
    dimension: _Count
    in_image_space: bool = False
    settings: dict[str, int] = field(default_factory=dict)
    ann_recall: float = 1.0


@dataclass(frozen=True, slots=True)
class VectorsWish:
    """How vectors are to be indexed: configs/index.toml's table `vectors` explains it."""

    kind: str = "auto"
    ann_recall: float = 0.99
    memory_mb: _Count = 4096


@dataclass(frozen=True, slots=True)
class LexicalRecord:
    """The lexical/<sha256>.tar of the lexical channel: its kind (such as "tantivy") and how many photos."""

    sha256: Sha256
    bytes: _Count
    kind: str
    photos: _Count


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """A fixed sentence and its vector (base64 of little-endian float32), to recognise the text encoder by."""

    text: str
    vector: str


@dataclass(frozen=True, slots=True)
class TowerRecord:
    """The image-text model whose image tower made the image vectors, and whose text tower queries go through.

    It stays where it is: `name` is its folder or its name in the hub's cache. `dimension` is the length of
    the image channel's vectors, `probes` recognise its text tower.
    """

    name: str
    sha256: Sha256
    dimension: _Count
    probes: tuple[ProbeRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One generation of an index.

    `photos` counts the searchable photos, `failed` those that could not be read. The shards are in writing
    order: a photo's row in a later shard supersedes its earlier ones. `created` is an ISO 8601 time.
    Everything derived (`vectors`, `lexical`, `photos`, `failed`) is made from `shards`, vectors as
    `vectors_wish` says, by `retrieval.generations.derived`; an index from before there was a lexical channel
    has no `lexical`. The files of `vectors` and `lexical` are made of the first `derived_shards` shards, of
    all where that is None. The rows of the others are recent: who opens the index reads them.
    """

    format_version: _Count = FORMAT_VERSION
    generation: _Count
    captioner: ModelRecord
    text_encoder: ModelRecord
    image_head: HeadRecord | TowerRecord | None = None
    caption_dimension: _Count
    metric: str = "inner_product"
    photos: _Count = 0
    failed: _Count = 0
    shards: tuple[ShardRecord, ...] = ()
    vectors_wish: VectorsWish = VectorsWish()
    vectors: tuple[VectorsRecord, ...] = ()
    lexical: LexicalRecord | None = None
    derived_shards: _Count | None = None
    probes: tuple[ProbeRecord, ...] = ()
    unfinished: UnfinishedRun | None = None
    created: str = ""
    written_by: str = ""

    @property
    def recent_shards(self) -> tuple[ShardRecord, ...]:
        """Those that the derived files are not made of."""
        return () if self.derived_shards is None else self.shards[self.derived_shards :]

    @property
    def recent_rows(self) -> int:
        """How many rows the derived files do not know."""
        return sum(shard.rows for shard in self.recent_shards)

    @property
    def derived_rows(self) -> int:
        """How many they know: those at the positions below it."""
        return sum(shard.rows for shard in self.shards) - self.recent_rows

    @property
    def waiting_rows(self) -> int:
        """How many rows are kept of a run that has not ended."""
        return sum(shard.rows for shard in self.unfinished.shards) if self.unfinished else 0


_MANIFEST = TypeAdapter(Manifest)


def read_manifest(index: Path) -> Manifest:
    """The manifest that CURRENT names, its hash verified.

    Raises:
        IndexNotFoundError: the folder holds no index.
        IndexFormatError: CURRENT or the manifest is damaged or missing, or a newer version wrote it.
        UnreadableError: it may be read another time.
    """
    return read_whole(index, lambda manifest: manifest)


def read_whole(index: Path, read: Callable[[Manifest], T]) -> T:
    """What `read` makes of the current generation.

    A writer may commit two generations and remove the files of this one in the meantime; then it is begun
    again with the newest.

    Raises:
        IndexNotFoundError, IndexFormatError: as `read_manifest`, and what `read` raises.
    """
    while True:
        before = _read_current(index)
        try:
            return read(_read_named_manifest(index, before))
        except IndexFormatError:
            if _read_current(index) == before:
                raise


def read_current_line(index: Path) -> bytes | None:
    """The bytes of CURRENT, which change with every generation; None where there is none."""
    try:
        return (index / "CURRENT").read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _read_current(index: Path) -> bytes | None:
    """As `read_current_line`, but what keeps it from being read is said as of other files of an index."""
    try:
        return read_current_line(index)
    except OSError as error:
        path = index / "CURRENT"
        require_lost(path, error)
        raise IndexFormatError(f"found no {path} ({error.strerror}), {_EXPECTED_CURRENT}") from None


def _read_named_manifest(index: Path, current: bytes | None) -> Manifest:
    if current is None:
        if list_generations(index)[-1:] > [1]:
            raise IndexFormatError(f"found no {index / 'CURRENT'}, {_EXPECTED_CURRENT}")
        raise IndexNotFoundError(
            f"found no index in {index.absolute()}, expected a folder made by `retrieve index`; check "
            f"--index and RETRIEVE_INDEX, or run `retrieve index PHOTOS --index {shlex.quote(str(index))}`"
        )
    match = _CURRENT.fullmatch(current)
    if match is None:
        raise IndexFormatError(f"{index / 'CURRENT'} is damaged: found {current[:80]!r}, {_EXPECTED_CURRENT}")
    path = manifest_path(index, int(match[1]))
    try:
        return _parse(read_verified(path, match[2].decode()), path)
    except NewerFormatError:
        raise
    except IndexFormatError as error:
        raise IndexFormatError(_blame(index, path) or str(error)) from None


def _blame(index: Path, path: Path) -> str:
    """Why CURRENT, and not the manifest that it names, must be what is damaged; empty where it isn't."""
    if not path.exists():
        return f"found no {path}, which {index / 'CURRENT'} names; {_REPAIR}, restore it or index again"
    try:
        read_generation(index, int(path.stem))
    except IndexFormatError:
        return ""
    return f"{index / 'CURRENT'} is damaged: {path} is whole and has another SHA-256; {_REPAIR} or restore it"


def read_current_generation(index: Path) -> int:
    """The generation that CURRENT names, whether it is there or not; 0 where CURRENT says none."""
    match = _CURRENT.fullmatch(read_current_line(index) or b"")
    return int(match[1]) if match else 0


def list_generations(index: Path) -> list[int]:
    """The generations whose manifests are there, damaged or not, oldest first."""
    found = [_MANIFEST_NAME.fullmatch(path.name) for path in (index / "manifests").glob("*.json")]
    return sorted(int(match[1]) for match in found if match)


def read_generation(index: Path, generation: int) -> Manifest:
    """The manifest of one generation, whatever CURRENT says; its own checksum is verified.

    Raises:
        IndexFormatError: it is damaged or missing, carries no checksum, or a newer version wrote it.
        UnreadableError: it may be read another time.
    """
    path = manifest_path(index, generation)
    try:
        data = path.read_bytes()
    except OSError as error:
        require_lost(path, error)
        raise IndexFormatError(f"found no {path} ({error.strerror}), expected a manifest") from None
    seal = _SEAL.search(data)
    if seal is None or hash_bytes(data[: seal.start()] + _END) != seal[1].decode():
        raise IndexFormatError(f"{path} is damaged: its checksum is not that of its text; {_REPAIR}")
    return _parse(data, path)


def commit_manifest(index: Path, manifest: Manifest) -> None:
    """Make `manifest` the current generation. When this returns, a power cut can no longer undo it.

    Everything that it names must have been written before. The same manifest gives the same bytes.
    """
    text = (json.dumps(dataclasses.asdict(manifest), indent=1) + "\n").encode()
    data = text.removesuffix(_END) + f',\n "sha256": "{hash_bytes(text)}"\n}}\n'.encode()
    path = manifest_path(index, manifest.generation)
    _parse(data, path)
    make_folder(path.parent)
    write_file(path, data)
    _write_current(index, manifest.generation, data)


def finish_commit(index: Path) -> None:
    """Write CURRENT where a run was killed, or a power cut came, just before the first one was written."""
    if list_generations(index) == [1] and not (index / "CURRENT").exists():
        read_generation(index, 1)
        _write_current(index, 1, manifest_path(index, 1).read_bytes())


def _write_current(index: Path, generation: int, data: bytes) -> None:
    write_file(index / "CURRENT", f"{generation} {hash_bytes(data)}\n".encode())


def manifest_path(index: Path, generation: int) -> Path:
    """Where the manifest of a generation lies."""
    return index / "manifests" / f"{generation:08d}.json"


def _parse(data: bytes, path: Path) -> Manifest:
    version = _format_version(data)
    if version > FORMAT_VERSION:
        raise NewerFormatError(
            f"{path} has format version {version}, expected at most {FORMAT_VERSION}; update this program"
        )
    try:
        return _MANIFEST.validate_json(_SEAL.sub(_END, data), extra="forbid")
    except ValidationError as error:
        raise IndexFormatError(f"{path} is not a manifest: {describe_first(error)}; index again") from None


def _format_version(data: bytes) -> int:
    try:
        version = json.loads(data)["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return version if isinstance(version, int) else 0
