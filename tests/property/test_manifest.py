import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import IndexFormatError
from retrieval.store.manifest import (
    Manifest,
    ModelRecord,
    ProbeRecord,
    ShardRecord,
    VectorsRecord,
    commit_manifest,
    read_manifest,
)

HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
COUNTS = st.integers(0, 2**53)
MODELS = st.builds(ModelRecord, st.text(), HASHES)
MANIFESTS = st.builds(
    Manifest,
    generation=st.integers(0, 99_999_999),
    captioner=MODELS,
    text_encoder=MODELS,
    caption_dimension=COUNTS,
    photos=COUNTS,
    failed=COUNTS,
    shards=st.lists(st.builds(ShardRecord, HASHES, COUNTS, COUNTS), max_size=3).map(tuple),
    vectors=st.lists(
        st.builds(VectorsRecord, st.text(), HASHES, COUNTS, st.text(), COUNTS, COUNTS), max_size=2
    ).map(tuple),
    probes=st.lists(st.builds(ProbeRecord, st.text(), st.text()), max_size=2).map(tuple),
    created=st.text(),
    written_by=st.text(),
)


@given(manifest=MANIFESTS)
def test_every_manifest_is_read_back(tmp_path_factory, manifest):
    index = tmp_path_factory.mktemp("index")
    commit_manifest(index, manifest)
    assert read_manifest(index) == manifest


@given(manifest=MANIFESTS, data=st.data())
def test_every_change_of_a_byte_is_refused(tmp_path_factory, manifest, data):
    index = tmp_path_factory.mktemp("index")
    commit_manifest(index, manifest)
    path = data.draw(st.sampled_from([index / "CURRENT", *(index / "manifests").iterdir()]))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(IndexFormatError):
        read_manifest(index)
    path.write_bytes(content[:place])
    with pytest.raises(IndexFormatError):
        read_manifest(index)
