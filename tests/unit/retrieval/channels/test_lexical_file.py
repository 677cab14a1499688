"""The words of an index's photos: which they are, and what becomes of damage."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from retrieval.channels.lexical_file import list_texts, read_words, words_path
from retrieval.errors import IndexFormatError, UsageError
from retrieval.generations.derived import build_derived
from retrieval.generations.repair import repair_index
from retrieval.generations.verify import verify_index
from retrieval.search.engine import SearchEngine
from retrieval.store.manifest import LexicalRecord, Manifest, ModelRecord, commit_manifest, read_manifest
from retrieval.store.schema import PhotoRow, Provenance, Status, StoredCaption, photo_schema
from retrieval.store.shards import write_shard
from tests.people import PEOPLE

ROWS = {
    "a": (["a dog in the snow", "a puppy"], ("malamute",)),
    "b": (["a cat on a sofa"], ()),
    "c": (["a dog on a sofa"], ()),
    "gone": (["a dog"], ()),
}


@pytest.fixture
def index(tmp_path: Path, word_encoder: Any) -> Path:
    path, schema = tmp_path / "index", photo_schema(word_encoder.dimension)
    rows = [
        PhotoRow(
            image_id,
            (f"/{image_id}.jpg".encode(),),
            Status.INDEXED,
            captions=tuple(map(StoredCaption, captions)),
            tags=tags,
            caption_vector=word_encoder.encode(captions[:1])[0],
        )
        for image_id, (captions, tags) in reversed(ROWS.items())
    ]
    gone = PhotoRow("gone", (), Status.DELETED)
    shards = [write_shard(path, part, schema) for part in (rows, [gone])]
    manifest = Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        caption_dimension=word_encoder.dimension,
        shards=tuple(shards),
    )
    commit_manifest(path, build_derived(path, manifest))
    return path


def find(index: Path, word_encoder: Any, query: str, channel: str | None = "lexical") -> list[str]:
    return [hit.image_id for hit in SearchEngine.open(index, word_encoder).search(query, 10, channel)]


def record_of(index: Path) -> LexicalRecord:
    record = read_manifest(index).lexical
    assert record is not None
    return record


def test_photos_are_found_by_the_words_of_all_their_captions_and_tags(index: Path, word_encoder: Any) -> None:
    assert record_of(index).photos == 3
    for query, found in [("Puppies", ["a"]), ("malamutes?", ["a"]), ("SOFA", ["b", "c"]), ("gone", [])]:
        assert find(index, word_encoder, query) == found
    [first, *rest] = find(index, word_encoder, "dogs, sofas")
    assert (first, set(rest)) == ("c", {"a", "b"})


def test_a_photo_with_all_words_of_a_query_scores_about_1(index: Path, word_encoder: Any) -> None:
    engine = SearchEngine.open(index, word_encoder)
    for query, least, most in [("sofa", 0.8, 1.3), ("cat on a sofa", 0.8, 1.3), ("cat with zebra", 0.1, 0.5)]:
        assert least < engine.search(query, 1, "lexical")[0].score < most


def test_unknown_words_leave_the_answer_to_the_vectors(index: Path, word_encoder: Any) -> None:
    assert find(index, word_encoder, "zeppelin", None) == find(index, word_encoder, "zeppelin", "caption")
    [best, *_] = SearchEngine.open(index, word_encoder).search("zeppelin")
    assert set(best.channels) == {"caption"}


def test_what_people_wrote_takes_the_place_of_what_the_captioner_did() -> None:
    captions = (StoredCaption("a fox", provenance=Provenance.HUMAN), StoredCaption("a dog"))
    row = PhotoRow("a", (), Status.INDEXED, captions=captions, tags=("red fox",))
    assert list_texts(row) == ["a fox", "red fox"]
    assert list_texts(dataclasses.replace(row, captions=captions[1:])) == ["a dog", "red fox"]


def test_the_same_shards_give_the_same_file(index: Path) -> None:
    manifest = read_manifest(index)
    assert build_derived(index, manifest) == manifest


def test_an_index_from_before_has_no_such_channel_and_says_so(index: Path, word_encoder: Any) -> None:
    commit_manifest(index, dataclasses.replace(read_manifest(index), generation=2, lexical=None))
    engine = SearchEngine.open(index, word_encoder)
    assert engine.channels == ("caption",)
    assert [hit.image_id for hit in engine.search("a cat on a sofa", 1)] == ["b"]
    with pytest.raises(UsageError, match="no channel 'lexical' in this index, expected one of: caption"):
        engine.search("a dog", channel="lexical")


def test_damaged_words_are_named_refused_and_made_again(index: Path, word_encoder: Any) -> None:
    record, right = record_of(index), find(index, word_encoder, "a dog")
    path = words_path(index, record)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert [damage.path for damage in verify_index(index).damaged] == [f"lexical/{path.name}"]
    with pytest.raises(IndexFormatError, match="SHA-256"):
        SearchEngine.open(index, word_encoder)
    repair_index(index)
    assert verify_index(index).damaged == ()
    assert find(index, word_encoder, "a dog") == right
    assert record_of(index) == record


def test_words_that_are_not_what_the_manifest_says_are_refused(index: Path) -> None:
    record = record_of(index)
    for wrong, message in [
        (dataclasses.replace(record, kind="grep"), "found words of kind 'grep', expected 'tantivy'"),
        (dataclasses.replace(record, photos=4), "holds the words of 3 photos, expected 4"),
        (dataclasses.replace(record, sha256="0" * 64), "found no"),
    ]:
        with pytest.raises(IndexFormatError, match=message):
            read_words(index, wrong)
