import numpy as np
import pytest

from retrieval.errors import IndexFormatError
from retrieval.store.manifest import Manifest, ModelRecord
from retrieval.store.photo_table import PhotoTable
from retrieval.store.schema import PhotoRow, Status, StoredCaption, photo_schema
from retrieval.store.shards import write_shard
from tests.people import PEOPLE


@pytest.fixture
def photos(tmp_path):
    """Rows of b, a and c in turn, of which b was replaced and c deleted since."""
    vector_D = np.array([0, 0.6, 0, 0.8], dtype=np.float32)
    rows = [
        PhotoRow(name, (b"/a.jpg",), Status.INDEXED, captions=(StoredCaption(name),), caption_vector=vector_D)
        for name in "bacb"
    ]
    shard = write_shard(tmp_path, [*rows, PhotoRow("c", (), Status.DELETED)], photo_schema(4))
    encoder = ModelRecord("e", "0" * 64)
    manifest = Manifest(
        generation=1, captioner=PEOPLE, text_encoder=encoder, caption_dimension=4, shards=(shard,)
    )
    return PhotoTable.read(tmp_path, manifest)


def test_photos_are_numbered_by_their_ids(photos):
    assert photos.image_ids == ("a", "b")
    assert photos.number(np.array([3, 1])).tolist() == [1, 0]
    assert photos.number(np.zeros(0, np.int64)).tolist() == []


def test_what_is_of_no_row_or_of_one_that_is_gone_is_refused(photos):
    with pytest.raises(IndexFormatError, match="beyond the last row"):
        photos.number(np.array([1, 5]), some_are_gone=True)
    for position in (0, 2, 4):
        with pytest.raises(IndexFormatError, match="deleted or replaced"):
            photos.number(np.array([1, position]))
    assert photos.number(np.arange(5), some_are_gone=True).tolist() == [-1, 0, -1, 1, -1]
