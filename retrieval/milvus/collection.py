"""A collection of a Milvus, from its making to when it can be searched. Writes a Milvus."""

from collections.abc import Mapping, Sequence
from typing import Any

from retrieval.errors import MilvusError
from retrieval.milvus.connection import Connection
from retrieval.milvus.row_keys import KEY

# Building an index and loading it into memory takes its time on the server's side.
_SLOW_SECONDS = 600
# Milvus takes 64 MB at once: 4,096 vectors of 2,048 dimensions are half of that.
_ROWS_AT_ONCE = 4096
LONGEST_TEXT = 65_535
"""The most bytes that a field of text takes."""


def create_collection(
    milvus: Connection,
    name: str,
    vector: str,
    dimension: int | None,
    texts: tuple[str, ...] = (),
    numbers: tuple[str, ...] = (),
) -> None:
    """A collection with a key, one vector field that is searched by inner product, and other fields.

    A vector is dense where it has a `dimension`, and sparse where it has none.

    Raises:
        MilvusError: no answer, or there is such a collection.
    """
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field(KEY, DataType.INT64, is_primary=True)
    if dimension is None:
        schema.add_field(vector, DataType.SPARSE_FLOAT_VECTOR)
    else:
        schema.add_field(vector, DataType.FLOAT_VECTOR, dim=dimension)
    for text in texts:
        schema.add_field(text, DataType.VARCHAR, max_length=LONGEST_TEXT)
    for number in numbers:
        schema.add_field(number, DataType.INT64)
    index = MilvusClient.prepare_index_params()
    kind = "SPARSE_INVERTED_INDEX" if dimension is None else "FLAT"
    index.add_index(vector, index_type=kind, metric_type="IP")
    milvus.call("create_collection", name, schema=schema)
    # Loading waits until it is built.
    milvus.call("create_index", name, index, sync=False)


def load_collection(milvus: Connection, name: str) -> None:
    """Have a collection in Milvus's memory, where it can be searched; does nothing where it is.

    Raises:
        MilvusError: no answer, or there is no such collection.
    """
    milvus.call("load_collection", name, seconds=_SLOW_SECONDS)


def insert_rows(milvus: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Send rows, as many at once as Milvus takes.

    Raises:
        MilvusError: no answer.
    """
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        milvus.call("insert", name, rows[start : start + _ROWS_AT_ONCE])


def finish_collection(milvus: Connection, name: str, rows: int) -> None:
    """Have what was sent stored and loaded, and see that all of it is there.

    Raises:
        MilvusError: no answer, or another number of rows.
    """
    milvus.call("flush", name, seconds=_SLOW_SECONDS)
    load_collection(milvus, name)
    count: dict[str, Any] = {"filter": "", "output_fields": ["count(*)"], "consistency_level": "Strong"}
    (answer,) = milvus.call("query", name, **count)
    if answer["count(*)"] != rows:
        raise MilvusError(
            f"found {answer['count(*)']} rows in Milvus at {milvus.address.uri}, expected the {rows} that "
            "were sent; publish again"
        )
