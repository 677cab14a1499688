from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrieval.store.schema import (
    LEDGER_COLUMNS,
    PhotoRow,
    Provenance,
    Status,
    StoredAttention,
    StoredCaption,
    photo_schema,
    rows_to_table,
    table_to_ledger,
    table_to_rows,
)
from retrieval.store.shards import newest_with_status, read_rows, write_shard

DIMENSION = 3
FLOATS = st.floats(width=32, allow_nan=False)
VECTORS = st.none() | arrays(np.float32, DIMENSION, elements=FLOATS)
CAPTIONS = st.builds(
    StoredCaption, text=st.text(), logprob=st.none() | FLOATS, provenance=st.sampled_from(Provenance)
)


@st.composite
def attentions(draw) -> StoredAttention:
    words = draw(st.lists(st.text(), max_size=4))
    grid = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    return StoredAttention(tuple(words), draw(arrays(np.uint8, (len(words), *grid))))


ROWS = st.builds(
    PhotoRow,
    image_id=st.text("0123456789abcdef", min_size=1, max_size=8),
    paths=st.lists(st.binary(max_size=20), max_size=3).map(tuple),
    status=st.sampled_from(Status),
    reason=st.none() | st.text(),
    bytes=st.integers(0, 2**62),
    width=st.integers(0, 2**31 - 1),
    height=st.integers(0, 2**31 - 1),
    orientation=st.integers(1, 8),
    taken=st.none() | st.datetimes(datetime(1826, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    camera=st.none() | st.text(),
    captions=st.lists(CAPTIONS, max_size=3).map(tuple),
    attention=st.none() | attentions(),
    tags=st.lists(st.text(), max_size=3).map(tuple),
    caption_vector=VECTORS,
    image_vector=VECTORS,
    captioner_vector=VECTORS,
)


def plain(row: PhotoRow) -> tuple[object, ...]:
    """Everything in a row, comparable with ==."""

    def comparable(value: object) -> object:
        if isinstance(value, np.ndarray):
            return (value.dtype, value.shape, value.tobytes())
        if isinstance(value, StoredAttention):
            return (value.words, comparable(value.weights_TRC))
        return value

    return tuple(comparable(getattr(row, name)) for name in PhotoRow.__slots__)


@given(st.lists(ROWS, max_size=5))
def test_rows_survive_a_table(rows):
    table = rows_to_table(rows, photo_schema(DIMENSION, DIMENSION))
    assert [plain(row) for row in table_to_rows(table)] == [plain(row) for row in rows]


@given(st.lists(ROWS, max_size=5))
def test_rows_in_short_are_those_of_the_table(rows):
    table = rows_to_table(rows, photo_schema(DIMENSION, DIMENSION)).select(LEDGER_COLUMNS)
    expected = [(row.image_id, row.paths, row.status, row.reason, row.human_captions) for row in rows]
    assert list(table_to_ledger(table)) == expected


@given(rows=st.lists(ROWS, max_size=5))
def test_rows_survive_a_shard_and_give_the_same_bytes_again(tmp_path_factory, rows):
    schema = photo_schema(DIMENSION, DIMENSION)
    index = tmp_path_factory.mktemp("index")
    shard = write_shard(index, rows, schema)
    again = read_rows(index, shard)
    assert [plain(row) for row in again] == [plain(row) for row in rows]
    assert write_shard(index, again, schema) == shard


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Status)), max_size=12))
def test_newest_row_wins_as_in_a_dictionary(history):
    rows = [PhotoRow(image_id, (), status) for image_id, status in history]
    newest = {image_id: position for position, (image_id, _) in enumerate(history)}
    table = rows_to_table(rows, photo_schema(DIMENSION))
    for status in Status:
        expected = [position for _, position in sorted(newest.items()) if history[position][1] is status]
        assert newest_with_status(table, status).tolist() == expected
