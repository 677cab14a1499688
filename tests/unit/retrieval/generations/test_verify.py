import pytest

from retrieval.generations.verify import verify_index
from retrieval.store.manifest import read_manifest
from retrieval.store.shards import shard_path


@pytest.fixture
def index(tmp_path, make_index, word_encoder):
    """Three photos in one shard, and their vectors."""
    photos = {f"/photos/{number}.jpg".encode(): f"photo {number}" for number in range(3)}
    make_index(tmp_path, photos, word_encoder)
    return tmp_path


@pytest.mark.parametrize("fast", [False, True])
def test_progress_is_told_of_every_file(index, fast):
    told = []
    verify_index(index, fast, lambda *each: told.append(each))
    assert told == [("Checking files", done, 2) for done in range(3)]


def test_progress_counts_a_damaged_file_as_checked(index):
    shard_path(index, read_manifest(index).shards[0].sha256).unlink()
    told = []
    assert verify_index(index, progress=lambda *each: told.append(each)).damaged
    assert told[-1] == ("Checking files", 2, 2)
