"""Captions that lost shards had superseded, by another captioner than they would be taken for."""

import pytest

from retrieval.generations.resurfaced import supersede_resurfaced
from retrieval.store import shards
from retrieval.store.manifest import Manifest, ModelRecord
from retrieval.store.schema import PhotoRow, Provenance, Status, StoredCaption, photo_schema
from retrieval.store.shards import name_captioner, read_rows, write_shard

FIRST, SECOND = ModelRecord("first", "1" * 64), ModelRecord("second", "2" * 64)
HAND = StoredCaption("by hand", provenance=Provenance.HUMAN)


@pytest.fixture
def supersede(tmp_path):
    """The rows that supersede some of those of shards, each (captioner, rows), in an index of SECOND's."""

    def supersede(*shards):
        schema = photo_schema(2)
        written = [
            write_shard(tmp_path, list(rows), name_captioner(schema, captioner) if captioner else schema)
            for captioner, rows in shards
        ]
        encoder = ModelRecord("encoder", "0" * 64)
        manifest = Manifest(
            generation=1, captioner=SECOND, text_encoder=encoder, caption_dimension=2, shards=tuple(written)
        )
        shard = supersede_resurfaced(tmp_path, manifest)
        return None if shard is None else read_rows(tmp_path, shard)

    return supersede


def photo(image_id, *captions):
    return PhotoRow(image_id, (b"/photo",), Status.INDEXED, captions=(*captions, StoredCaption("by a model")))


def gone(image_id, reason):
    return PhotoRow(image_id, (), Status.DELETED, reason, captions=(HAND,))


def test_another_captioners_photo_becomes_a_tombstone_with_what_people_wrote(supersede):
    plain, human = supersede((FIRST, [photo("a"), photo("b", HAND), photo("c")]), (SECOND, [photo("c")]))
    assert [(row.image_id, row.captions) for row in (plain, human)] == [("a", ()), ("b", (HAND,))]
    assert {(row.status, row.reason, row.paths) for row in (plain, human)} == {(Status.DELETED, None, ())}


def test_deleted_photo_comes_back_with_no_captions_but_those_of_whom_its_tombstone_names(supersede):
    photos = (FIRST, [photo("a"), photo("b"), photo("c")])
    [row] = supersede(photos, (SECOND, [gone("a", FIRST.sha256), gone("b", SECOND.sha256), gone("c", None)]))
    assert (row.image_id, row.status, row.reason, row.captions) == ("b", Status.DELETED, None, (HAND,))


@pytest.mark.parametrize("captioner", [None, SECOND, ModelRecord("renamed", SECOND.sha256)])
def test_photos_of_the_same_weights_and_of_older_shards_stay(supersede, captioner):
    assert supersede((captioner, [photo("a"), photo("b")]), (SECOND, [gone("b", SECOND.sha256)])) is None


def test_every_shard_is_read_once(supersede, monkeypatch):
    read = []
    real = shards.read_verified
    monkeypatch.setattr(shards, "read_verified", lambda path, sha256: read.append(path) or real(path, sha256))
    supersede((SECOND, [photo("a")]), (SECOND, [photo("b")]))
    assert len(read) == len(set(read)) == 2


def test_file_that_could_not_be_read_since_stays_a_failure(supersede):
    failed = PhotoRow("a", (b"/photo",), Status.FAILED, "damaged: found no end")
    assert supersede((FIRST, [photo("a")]), (SECOND, [failed])) is None
