"""Shards: the immutable source of truth. Reads and writes INDEX/shards/<sha256>.parquet.

A photo's row in a later shard supersedes its earlier rows; a deleted row is a tombstone. The position of a
row is its number in the concatenation of the manifest's shards. All captions of a shard that are not people's
are one captioner's. Parquet's key-value metadata say whose; shards written before they did are believed to be
of whom the manifest names.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from retrieval.device import count_cores
from retrieval.errors import IndexFormatError
from retrieval.store.files import read_verified, require_lost, write_hashed
from retrieval.store.manifest import Manifest, ModelRecord, ShardRecord
from retrieval.store.schema import (
    LEDGER_COLUMNS,
    LedgerRow,
    PhotoRow,
    Status,
    photo_schema,
    rows_to_table,
    table_to_ledger,
    table_to_rows,
)

_CAPTIONER = b"captioner"
_MODEL = TypeAdapter(ModelRecord)


def shard_path(index: Path, sha256: str) -> Path:
    """Where the shard with this hash lies."""
    return index / "shards" / f"{sha256}.parquet"


def shard_schema(manifest: Manifest) -> pa.Schema:
    """The schema of a shard of what readers of this generation see."""
    head = manifest.image_head
    schema = photo_schema(manifest.caption_dimension, head.dimension if head else 0)
    return name_captioner(schema, manifest.captioner)


def name_captioner(schema: pa.Schema, captioner: ModelRecord) -> pa.Schema:
    """The schema of a shard whose captions are this captioner's, as `find_captioner` finds it."""
    return schema.with_metadata({_CAPTIONER: json.dumps(dataclasses.asdict(captioner))})


def write_shard(index: Path, rows: list[PhotoRow], schema: pa.Schema, written: str = "") -> ShardRecord:
    """Write rows as one durable shard, zstd-compressed and with page checksums.

    The same rows and schema give the same bytes; when they were `written` only the record says.
    """
    sink = pa.BufferOutputStream()
    # No dictionaries: vectors hardly have a number twice, and zstd finds words that are repeated as well.
    pq.write_table(
        rows_to_table(rows, schema), sink, compression="zstd", use_dictionary=False, write_page_checksum=True
    )
    data = sink.getvalue().to_pybytes()
    sha256, size = write_hashed(index / "shards", ".parquet", lambda put: put(data))
    return ShardRecord(sha256, size, len(rows), written)


def read_shard(index: Path, shard: ShardRecord, columns: list[str] | None = None) -> pa.Table:
    """A shard's rows in order, all columns or the named ones; its hash is verified before Parquet sees it.

    Raises:
        IndexFormatError: the file is missing, damaged or not what the manifest says.
    """
    path = shard_path(index, shard.sha256)
    data = read_verified(path, shard.sha256)
    try:
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        table = file.read(columns)
    except MemoryError:  # Arrow's own is one of its exceptions too, and says nothing about the shard.
        raise
    except (pa.ArrowException, OSError) as error:
        raise IndexFormatError(f"{path} is not a readable shard: {error}; index again") from None
    if missing := sorted(set(columns or ()) - set(table.column_names)):
        raise IndexFormatError(f"{path} has no column {', '.join(missing)}; index again")
    if table.num_rows != shard.rows:
        raise IndexFormatError(
            f"{path} has {table.num_rows} rows, expected {shard.rows} as the manifest says; index again"
        )
    return table


def read_captioner(index: Path, shard: ShardRecord) -> ModelRecord | None:
    """`find_captioner` of a shard, of which no column is read.

    Raises:
        IndexFormatError: as `read_shard`.
    """
    return find_captioner(read_shard(index, shard, []).schema)


def find_captioner(schema: pa.Schema) -> ModelRecord | None:
    """Who captioned the photos of a shard with this schema; None where it does not say legibly."""
    said = (schema.metadata or {}).get(_CAPTIONER)
    try:
        return None if said is None else _MODEL.validate_json(said)
    except ValidationError:
        return None


def find_shard(path: Path) -> ShardRecord | None:
    """The record of a shard that no manifest names; None where it is damaged. Its name is its hash.

    Raises:
        UnreadableError: it may be read another time.
    """
    try:
        data = read_verified(path, path.stem)
        rows = pq.read_metadata(pa.BufferReader(data)).num_rows
    except OSError as error:
        require_lost(path, error)
        return None
    except MemoryError:
        raise
    except (IndexFormatError, pa.ArrowException):
        return None
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    return ShardRecord(sha256=path.stem, bytes=len(data), rows=rows, written=written)


def find_photo(index: Path, shard: ShardRecord, image_id: str) -> pa.Table | None:
    """A photo's row in a shard, as a table of one line; None where it has none, which its ids alone tell.

    Raises:
        IndexFormatError: as `read_shard`.
    """
    ids = read_shard(index, shard, ["image_id"])["image_id"]
    number = pc.index(ids, image_id).as_py()
    return read_shard(index, shard).slice(number, 1) if number >= 0 else None


def read_rows(index: Path, shard: ShardRecord, columns: list[str] | None = None) -> list[PhotoRow]:
    """`read_shard` as rows; `columns` must name at least `image_id`, `paths` and `status`."""
    return table_to_rows(read_shard(index, shard, columns))


def read_ledger(index: Path, shard: ShardRecord) -> Iterator[LedgerRow]:
    """`read_shard` as what `table_to_ledger` makes of it."""
    return table_to_ledger(read_shard(index, shard, LEDGER_COLUMNS))


def split_positions(
    shards: Sequence[ShardRecord], positions_N: np.ndarray
) -> Iterator[tuple[ShardRecord, slice, np.ndarray]]:
    """(shard, which of `positions_N` are in it, their rows' numbers there) of each that has some.

    `positions_N` ascend.
    """
    start = done = 0
    for shard in shards:
        end = done + int(np.searchsorted(positions_N[done:], start + shard.rows))
        if end > done:
            yield shard, slice(done, end), positions_N[done:end] - start
        start, done = start + shard.rows, end


def keep_failure_time(row: PhotoRow, shard: ShardRecord) -> PhotoRow:
    """A row of this shard as another shard must hold it: a failure stays as old as it is."""
    if row.status is not Status.FAILED or row.failed_at is not None or not shard.written:
        return row
    written = datetime.fromisoformat(shard.written).astimezone(UTC).replace(tzinfo=None)
    return dataclasses.replace(row, failed_at=written)


def read_columns(index: Path, shards: Sequence[ShardRecord], columns: list[str]) -> pa.Table:
    """The named columns of shards in turn; of all of a manifest, a line's number is its row's position."""
    with ThreadPoolExecutor(count_cores()) as pool:
        tables = list(pool.map(lambda shard: read_shard(index, shard, columns), shards))
    if not tables:
        return photo_schema(0).empty_table().select(columns)
    # Vectors of a shard that was merged while their model was missing are lists of any length.
    return pa.concat_tables(tables, promote_options="permissive")


def read_statuses(index: Path, manifest: Manifest) -> pa.Table:
    """What `newest_with_status` looks at, of all rows."""
    return read_columns(index, manifest.shards, ["image_id", "status"])


def newest_with_status(table: pa.Table, *statuses: Status) -> np.ndarray:
    """int64 (N,): the positions of the photos whose newest row has one of these, in order of `image_id`.

    `table` holds at least what `read_statuses` reads.
    """
    # Sorting is stable: of a photo's rows the newest is the last.
    order_N = pc.sort_indices(table["image_id"]).to_numpy()
    ids = table["image_id"].take(order_N)
    is_last_N = np.ones(len(ids), dtype=bool)
    is_last_N[:-1] = pc.not_equal(ids[:-1], ids[1:]).to_numpy()
    newest_N = order_N[is_last_N].astype(np.int64)
    wanted = pc.is_in(table["status"], value_set=pa.array(statuses, pa.string())).to_numpy()
    chosen_N: np.ndarray = newest_N[wanted[newest_N]]
    return chosen_N
