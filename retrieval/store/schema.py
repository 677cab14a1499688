"""The row of the index: what a shard holds for one photo. Reads and writes Arrow tables.

Nothing outside `retrieval` names a Parquet column by string: others use `PhotoRow`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrieval.channel import Channel


class Status(StrEnum):
    """What became of a photo."""

    INDEXED = "indexed"
    FAILED = "failed"
    DELETED = "deleted"


class Provenance(StrEnum):
    """Who wrote a caption. A human's caption outlives re-indexing."""

    MODEL = "model"
    HUMAN = "human"


@dataclass(frozen=True, slots=True)
class StoredCaption:
    """One caption of a photo.

    `logprob` is the sum of the words' log-probabilities in nats, the end token included; None where unknown.
    """

    text: str
    logprob: float | None = None
    provenance: Provenance = Provenance.MODEL


@dataclass(frozen=True, slots=True, eq=False)
class StoredAttention:
    """Where the captioner looked at each word of the main caption.

    `weights_TRC` is uint8 (words, grid rows, grid columns); 255 is the largest weight of that word.
    `words` are the T words in order, as the captioner produced them.
    """

    words: tuple[str, ...]
    weights_TRC: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class PhotoRow:
    """One distinct photo content, or one file that could not be read.

    `image_id` is the SHA-256 of the bytes in hex (of a failed file as well, where its bytes could be read;
    otherwise of its path). `reason` says why a file failed, or which captioner wrote what a deleted photo had
    (the hash of its `ModelRecord`). `paths` are absolute, as bytes: non-UTF-8 names survive. `failed_at` is
    in UTC and None where it is when the row's shard was written: the same photos give the same shards.
    `width` and `height` are in pixels after the EXIF orientation is applied. `taken` is naive local time.
    Vectors are float32 and of unit length, or None. `captioner_vector` is the caption vector that the photo
    would have without what people wrote; None where they wrote nothing.
    """

    image_id: str
    paths: tuple[bytes, ...]
    status: Status
    reason: str | None = None
    failed_at: datetime | None = None
    bytes: int = 0
    width: int = 0
    height: int = 0
    orientation: int = 1
    taken: datetime | None = None
    camera: str | None = None
    captions: tuple[StoredCaption, ...] = ()
    attention: StoredAttention | None = None
    tags: tuple[str, ...] = ()
    caption_vector: np.ndarray | None = field(default=None, repr=False)
    image_vector: np.ndarray | None = field(default=None, repr=False)
    captioner_vector: np.ndarray | None = field(default=None, repr=False)

    @property
    def human_captions(self) -> tuple[StoredCaption, ...]:
        """What people wrote about the photo."""
        return tuple(caption for caption in self.captions if caption.provenance is Provenance.HUMAN)


class LedgerRow(NamedTuple):
    """What of a `PhotoRow` says which photo it is and what became of it."""

    image_id: str
    paths: tuple[bytes, ...]
    status: Status
    reason: str | None
    human_captions: tuple[StoredCaption, ...]


_CAPTION = pa.struct([("text", pa.string()), ("logprob", pa.float32()), ("provenance", pa.string())])
_ATTENTION = pa.struct(
    [
        ("words", pa.list_(pa.string())),
        ("rows", pa.int32()),
        ("columns", pa.int32()),
        ("weights", pa.binary()),
    ]
)


VECTOR_COLUMNS = {Channel.CAPTION: "caption_vector", Channel.IMAGE: "image_vector"}

# What of a row tells which file was not indexed, why and when.
FAILURE_COLUMNS = ["image_id", "paths", "status", "reason", "failed_at"]

# Where the captioner looked, of which photo.
ATTENTION_COLUMNS = ["image_id", "paths", "status", "attention"]

# What of a row can be found by its words.
WORD_COLUMNS = ["image_id", "paths", "status", "captions", "tags"]

# Which photo a row is and what became of it: enough to see what changed, without vectors and attention.
LEDGER_COLUMNS = ["image_id", "paths", "status", "reason", "captions"]


def photo_schema(caption_dimension: int, image_dimension: int = 0) -> pa.Schema:
    """The Arrow schema of a shard whose vectors have the given dimensions (0: no such vectors)."""
    return pa.schema(
        [
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("paths", pa.list_(pa.binary()), nullable=False),
            pa.field("status", pa.string(), nullable=False),
            pa.field("reason", pa.string()),
            pa.field("failed_at", pa.timestamp("s")),
            pa.field("bytes", pa.int64(), nullable=False),
            pa.field("width", pa.int32(), nullable=False),
            pa.field("height", pa.int32(), nullable=False),
            pa.field("orientation", pa.int8(), nullable=False),
            pa.field("taken", pa.timestamp("s")),
            pa.field("camera", pa.string()),
            pa.field("captions", pa.list_(_CAPTION), nullable=False),
            pa.field("attention", _ATTENTION),
            pa.field("tags", pa.list_(pa.string()), nullable=False),
            pa.field("caption_vector", _vector_type(caption_dimension)),
            pa.field("image_vector", _vector_type(image_dimension)),
            pa.field("captioner_vector", _vector_type(caption_dimension)),
        ]
    )


def complete_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of a shard with the column that older ones lack."""
    if "captioner_vector" in schema.names:
        return schema
    return schema.append(pa.field("captioner_vector", schema.field("caption_vector").type))


def rows_to_table(rows: list[PhotoRow], schema: pa.Schema) -> pa.Table:
    """An Arrow table with one line per row, in order."""
    return pa.Table.from_pylist([_to_record(row) for row in rows], schema=schema)


def table_to_rows(table: pa.Table) -> list[PhotoRow]:
    """The inverse of `rows_to_table`; columns that the table lacks keep their defaults."""
    return [_from_record(record) for record in table.to_pylist()]


def table_to_ledger(table: pa.Table) -> Iterator[LedgerRow]:
    """The rows of a table of `LEDGER_COLUMNS`, in order, each in short.

    The captioner's captions are by far the most, and are not looked at.
    """
    captions = table["captions"].combine_chunks()
    human_T = pc.equal(captions.flatten().field("provenance"), Provenance.HUMAN)
    numbers_N = pc.unique(pc.list_parent_indices(captions).filter(human_T))
    by_people = (row.human_captions for row in table_to_rows(table.take(numbers_N)))
    human_captions = dict(zip(numbers_N.to_pylist(), by_people, strict=True))
    # An enum's own look-up takes longer than all else here.
    statuses = {status.value: status for status in Status}
    columns = (table[name].to_pylist() for name in ("image_id", "paths", "status", "reason"))
    for number, (image_id, paths, status, reason) in enumerate(zip(*columns, strict=True)):
        yield LedgerRow(image_id, tuple(paths), statuses[status], reason, human_captions.get(number, ()))


def _vector_type(dimension: int) -> pa.DataType:
    return pa.list_(pa.float32(), dimension) if dimension else pa.list_(pa.float32())


def _to_record(row: PhotoRow) -> dict[str, Any]:
    attention = row.attention
    return {
        "image_id": row.image_id,
        "paths": list(row.paths),
        "status": row.status.value,
        "reason": row.reason,
        "failed_at": row.failed_at,
        "bytes": row.bytes,
        "width": row.width,
        "height": row.height,
        "orientation": row.orientation,
        "taken": row.taken,
        "camera": row.camera,
        "captions": [
            {"text": caption.text, "logprob": caption.logprob, "provenance": caption.provenance.value}
            for caption in row.captions
        ],
        "attention": attention
        and {
            "words": list(attention.words),
            "rows": attention.weights_TRC.shape[1],
            "columns": attention.weights_TRC.shape[2],
            "weights": attention.weights_TRC.astype(np.uint8).tobytes(),
        },
        "tags": list(row.tags),
        "caption_vector": row.caption_vector,
        "image_vector": row.image_vector,
        "captioner_vector": row.captioner_vector,
    }


def _from_record(record: dict[str, Any]) -> PhotoRow:
    known = dict(record)
    known["paths"] = tuple(known.get("paths", ()))
    known["status"] = Status(known.get("status", Status.INDEXED))
    known["captions"] = tuple(
        StoredCaption(caption["text"], caption["logprob"], Provenance(caption["provenance"]))
        for caption in known.get("captions", ())
    )
    known["tags"] = tuple(known.get("tags", ()))
    if (attention := known.get("attention")) is not None:
        weights = np.frombuffer(attention["weights"], dtype=np.uint8)
        known["attention"] = StoredAttention(
            tuple(attention["words"]), weights.reshape(-1, attention["rows"], attention["columns"])
        )
    for name in ("caption_vector", "image_vector", "captioner_vector"):
        if known.get(name) is not None:
            known[name] = np.asarray(known[name], dtype=np.float32)
    return PhotoRow(**known)
