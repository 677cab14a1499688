"""An index with all channels: each on its own, all fused, and indexes that lack one."""

import dataclasses
import gc
import hashlib
import weakref
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from retrieval import SearchEngine
from retrieval.channel import Channel
from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.vector_choice import tune_effort
from retrieval.errors import IndexFormatError, UsageError
from retrieval.generations import derived
from retrieval.generations.derived import build_derived
from retrieval.generations.inventory import list_files
from retrieval.search.fusion import FusionConfig
from retrieval.store.files import hash_bytes
from retrieval.store.manifest import Manifest, ModelRecord, commit_manifest, read_manifest
from retrieval.store.schema import PhotoRow, Status, StoredCaption, photo_schema
from retrieval.store.shards import write_shard
from retrieval.text.probes import make_probes
from retrieval.text.text_encoder import TextEncoder
from retrieval.text.text_head import head_path, read_text_head, write_text_head
from tests.people import PEOPLE
from tests.text_head import make_text_head

CAPTIONS = ["a dog jumps over a log", "a cat sleeps on a sofa", "a red car on a road", "a man on a hill"]
DIMENSION = 10
QUERIES = ["a dog", "a car on a hill"]
SHA256 = hashlib.sha256(b"head").hexdigest()


def make_image_vectors() -> np.ndarray:
    vectors_NE = np.random.default_rng(1).standard_normal((len(CAPTIONS), DIMENSION))
    return (vectors_NE / np.linalg.norm(vectors_NE, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def index(tmp_path: Path, word_encoder: TextEncoder) -> Path:
    path = tmp_path / "index"
    texts_ND, images_NE = word_encoder.encode(CAPTIONS), make_image_vectors()
    rows = [
        PhotoRow(
            f"{number:064}",
            (f"/photos/{number}.jpg".encode(),),
            Status.INDEXED,
            captions=(StoredCaption(text),),
            caption_vector=texts_ND[number],
            image_vector=images_NE[number],
        )
        for number, text in enumerate(CAPTIONS)
    ]
    head = make_text_head(word_encoder, DIMENSION)
    shards = [
        write_shard(path, part, photo_schema(word_encoder.dimension, DIMENSION))
        for part in (rows[:3], rows[3:])
    ]
    manifest = Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        image_head=write_text_head(path, head, "head", SHA256),
        caption_dimension=word_encoder.dimension,
        shards=tuple(shards),
        probes=make_probes(word_encoder),
    )
    commit_manifest(path, build_derived(path, manifest))
    return path


def expected_scores(word_encoder: TextEncoder) -> tuple[np.ndarray, np.ndarray]:
    queries_QD = word_encoder.encode(QUERIES)
    head = make_text_head(word_encoder, DIMENSION)
    queries_QE, captions_NE = head.project(queries_QD), head.project(word_encoder.encode(CAPTIONS))
    return queries_QE @ captions_NE.T, queries_QE @ make_image_vectors().T


def scores_by_photo(engine: SearchEngine, channel: str | None) -> np.ndarray:
    ranking = engine.rank(QUERIES, channel=channel)
    scores_QN = np.empty_like(ranking.scores_QK)
    np.put_along_axis(scores_QN, ranking.photos_QK, ranking.scores_QK, axis=1)
    assert (np.diff(ranking.scores_QK, axis=1) <= 0).all()
    return scores_QN


def test_each_channel_scores_by_its_own_vectors(index: Path, word_encoder: TextEncoder) -> None:
    engine = SearchEngine.open(index, word_encoder)
    assert engine.channels == (Channel.CAPTION, Channel.IMAGE, Channel.LEXICAL)
    caption_QN, image_QN = expected_scores(word_encoder)
    np.testing.assert_allclose(scores_by_photo(engine, "caption"), caption_QN, atol=1e-5)
    np.testing.assert_allclose(scores_by_photo(engine, "image"), image_QN, atol=1e-5)


def test_a_search_without_a_channel_fuses_all(index: Path, word_encoder: TextEncoder) -> None:
    fusion = FusionConfig(caption=0.5, image=2.0, lexical=0)
    engine = SearchEngine.open(index, word_encoder, fusion=fusion)
    caption_QN, image_QN = expected_scores(word_encoder)
    fused_QN = 0.5 * caption_QN + 2.0 * image_QN
    np.testing.assert_allclose(scores_by_photo(engine, None), fused_QN, atol=1e-5)
    hits = engine.search(QUERIES[1], k=2)
    assert [int(hit.image_id) for hit in hits] == np.argsort(-fused_QN[1])[:2].tolist()
    for hit in hits:
        photo = int(hit.image_id)
        assert set(hit.channels) >= {"caption", "image"}
        assert hit.channels["caption"].score == pytest.approx(caption_QN[1, photo], abs=1e-5)
        assert hit.channels["image"].rank == 1 + (image_QN[1] > image_QN[1, photo]).sum()


def test_another_fusion_of_the_same_index_is_that_of_an_engine_opened_with_it(
    index: Path, word_encoder: TextEncoder
) -> None:
    engine = SearchEngine.open(index, word_encoder, "cpu")
    before = scores_by_photo(engine, None)
    reciprocal = FusionConfig(method="reciprocal_rank", caption=1, image=1)
    opened = SearchEngine.open(index, word_encoder, "cpu", fusion=reciprocal)
    expected = scores_by_photo(opened, None)
    np.testing.assert_array_equal(scores_by_photo(engine.with_fusion(reciprocal), None), expected)
    np.testing.assert_array_equal(scores_by_photo(engine, None), before)
    assert not np.array_equal(before, expected)


def test_an_engine_that_nobody_needs_is_gone_at_once(index: Path, word_encoder: TextEncoder) -> None:
    engine = SearchEngine.open(index, word_encoder)
    engine.search('a dog -cat "a log"')
    parts = [engine._photos, *engine._ranker.channels.values(), *engine._vectors.values()]
    kept = [weakref.ref(part) for part in [engine, *parts]]
    gc.disable()
    try:
        del engine, parts
        assert [part() for part in kept] == [None] * len(kept)
    finally:
        gc.enable()


def test_captions_of_an_index_from_before_are_searched_as_they_are(
    index: Path, word_encoder: TextEncoder
) -> None:
    manifest = read_manifest(index)
    plain = build_derived(index, dataclasses.replace(manifest, image_head=None)).vectors[0]
    older = dataclasses.replace(manifest, vectors=(plain, manifest.vectors[1]))
    commit_manifest(index, dataclasses.replace(older, generation=2))
    engine = SearchEngine.open(index, word_encoder)
    plain_QN = word_encoder.encode(QUERIES) @ word_encoder.encode(CAPTIONS).T
    np.testing.assert_allclose(scores_by_photo(engine, "caption"), plain_QN, atol=1e-5)
    np.testing.assert_allclose(scores_by_photo(engine, "image"), expected_scores(word_encoder)[1], atol=1e-5)
    assert [record.in_image_space for record in build_derived(index, older).vectors] == [True, True]


def test_each_channels_index_is_tuned_by_the_vectors_of_the_other(
    index: Path, word_encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sentences come from as far as those do; what is nearest to a vector may be its copies alone."""
    tuned = []

    def tune(index: FlatIndex, wanted: float, queries_QD: np.ndarray | None = None) -> float:
        tuned.append((index.all_vectors.copy(), queries_QD))
        return tune_effort(index, wanted, queries_QD)

    monkeypatch.setattr(derived, "tune_effort", tune)
    manifest = read_manifest(index)
    build_derived(index, manifest)
    (captions_NE, asked_of_captions), (images_NE, asked_of_images) = tuned
    np.testing.assert_array_equal(images_NE, make_image_vectors())
    np.testing.assert_array_equal(asked_of_captions, images_NE)
    np.testing.assert_array_equal(asked_of_images, captions_NE)
    del tuned[:]
    build_derived(index, dataclasses.replace(manifest, image_head=None))
    assert [asked for _, asked in tuned] == [None]


def test_a_channel_that_the_index_lacks_is_refused(
    make_index, tmp_path: Path, word_encoder: TextEncoder
) -> None:
    make_index(tmp_path / "old", {b"/a.jpg": "a dog"}, word_encoder)
    engine = SearchEngine.open(tmp_path / "old", word_encoder)
    assert engine.channels == (Channel.CAPTION,)
    expected = "no channel 'image' in this index, expected one of: caption; name one of them"
    with pytest.raises(UsageError, match=expected):
        engine.search("a dog", channel="image")


def test_the_head_comes_back_as_it_was_written(index: Path, word_encoder: TextEncoder) -> None:
    record = read_manifest(index).image_head
    assert record is not None
    assert (record.name, record.sha256, record.dimension) == ("head", SHA256, DIMENSION)
    vectors_ND = word_encoder.encode(QUERIES)
    written = make_text_head(word_encoder, DIMENSION).project(vectors_ND)
    np.testing.assert_allclose(read_text_head(index, record).project(vectors_ND), written, atol=1e-6)


def test_what_is_no_head_of_its_record_is_refused(index: Path) -> None:
    record = read_manifest(index).image_head
    assert record is not None
    with pytest.raises(IndexFormatError, match="gives 10 dimensions, expected 11"):
        read_text_head(index, dataclasses.replace(record, dimension=DIMENSION + 1))
    for data in (b"Dear diary", save({"linear.weight": np.eye(DIMENSION, dtype=np.float16)})):
        other = dataclasses.replace(record, text_sha256=hash_bytes(data))
        head_path(index, other).write_bytes(data)
        with pytest.raises(IndexFormatError, match="holds no text head"):
            read_text_head(index, other)


def test_a_damaged_head_is_refused(index: Path, word_encoder: TextEncoder) -> None:
    (file,) = (file for file in list_files(index, read_manifest(index)) if file.path.parent.name == "heads")
    data = bytearray(file.path.read_bytes())
    data[-1] ^= 1
    file.path.write_bytes(data)
    assert file.find_damage() is not None
    with pytest.raises(IndexFormatError, match="SHA-256"):
        SearchEngine.open(index, word_encoder)
