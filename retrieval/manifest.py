"""The manifest: what one generation of an index consists of.

Reads and writes INDEX/CURRENT (generation and SHA-256 of its manifest) and INDEX/manifests/00000007.json.
"""

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from retrieval.errors import IndexFormatError, IndexNotFoundError
from retrieval.files import hash_bytes, make_folder, read_verified, write_file

FORMAT_VERSION = 1

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0)]
_CURRENT = re.compile(rb"(0|[1-9][0-9]{0,7}) ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model that the index was made with: its name, and the SHA-256 of its weights in hex."""

    name: str
    sha256: _Sha256


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """One shards/<sha256>.parquet: its size in bytes and its rows."""

    sha256: _Sha256
    bytes: _Count
    rows: _Count


@dataclass(frozen=True, slots=True)
class VectorsRecord:
    """One vectors/<sha256>.faiss: the channel it serves, its kind (such as "flat") and its shape."""

    channel: str
    sha256: _Sha256
    bytes: _Count
    kind: str
    vectors: _Count
    dimension: _Count


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """A fixed sentence and its vector (base64 of little-endian float32), to recognise the text encoder by."""

    text: str
    vector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One generation of an index.

    `photos` counts the searchable photos, `failed` those that could not be read. The shards are in writing
    order: a photo's row in a later shard supersedes its earlier ones. `created` is an ISO 8601 time.
    """

    format_version: _Count = FORMAT_VERSION
    generation: _Count
    captioner: ModelRecord | None = None
    text_encoder: ModelRecord
    caption_dimension: _Count
    metric: str = "inner_product"
    photos: _Count = 0
    failed: _Count = 0
    shards: tuple[ShardRecord, ...] = ()
    vectors: tuple[VectorsRecord, ...] = ()
    probes: tuple[ProbeRecord, ...] = ()
    created: str = ""
    written_by: str = ""


_MANIFEST = TypeAdapter(Manifest)


def read_manifest(index: Path) -> Manifest:
    """The manifest that CURRENT names, its hash verified.

    Raises:
        IndexNotFoundError: the folder holds no index.
        IndexFormatError: CURRENT or the manifest is damaged or missing, or a newer version wrote it.
    """
    try:
        current = (index / "CURRENT").read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise IndexNotFoundError(
            f"found no index in {index}, expected a folder made by `retrieve index`; "
            f"run `retrieve index PHOTOS --index {index}`"
        ) from None
    match = _CURRENT.fullmatch(current)
    if match is None:
        raise IndexFormatError(
            f"{index / 'CURRENT'} is damaged: found {current[:80]!r}, "
            "expected a generation and a SHA-256; restore it or index again"
        )
    path = _manifest_path(index, int(match[1]))
    return _parse(read_verified(path, match[2].decode()), path)


def commit_manifest(index: Path, manifest: Manifest) -> None:
    """Make `manifest` the current generation. When this returns, a power cut can no longer undo it.

    Everything that it names must have been written before. The same manifest gives the same bytes.
    """
    data = (json.dumps(dataclasses.asdict(manifest), indent=1) + "\n").encode()
    path = _manifest_path(index, manifest.generation)
    _parse(data, path)
    make_folder(path.parent)
    write_file(path, data)
    write_file(index / "CURRENT", f"{manifest.generation} {hash_bytes(data)}\n".encode())


def _manifest_path(index: Path, generation: int) -> Path:
    return index / "manifests" / f"{generation:08d}.json"


def _parse(data: bytes, path: Path) -> Manifest:
    version = _format_version(data)
    if version > FORMAT_VERSION:
        raise IndexFormatError(
            f"{path} has format version {version}, expected at most {FORMAT_VERSION}; update this program"
        )
    try:
        return _MANIFEST.validate_json(data, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise IndexFormatError(f"{path} is not a manifest: {where}: {first['msg']}; index again") from None


def _format_version(data: bytes) -> int:
    try:
        version = json.loads(data)["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return version if isinstance(version, int) else 0
