"""What is left beside the generation that a repair goes on with, of two captioners."""

import dataclasses
import hashlib

import pytest

from retrieval.channels.vector_index import vectors_path
from retrieval.generations.commit import commit_next
from retrieval.generations.derived import build_derived
from retrieval.generations.human_caption import set_caption
from retrieval.generations.repair import repair_index
from retrieval.store.manifest import Manifest, ModelRecord, UnfinishedRun, manifest_path, read_manifest
from retrieval.store.schema import PhotoRow, Status, StoredCaption, photo_schema
from retrieval.store.shards import name_captioner, shard_path, write_shard
from retrieval.text.probes import make_probes
from tests.people import PEOPLE
from tests.unit.retrieval.generations.conftest import spoil

FIRST, SECOND = ModelRecord("first", "1" * 64), ModelRecord("second", "2" * 64)


@pytest.fixture
def index(tmp_path):
    return tmp_path / "index"


@pytest.fixture(params=[True, False], ids=["shards that say their captioner", "older shards"])
def says_captioner(request):
    return request.param


@pytest.fixture
def commit(index, word_encoder, says_captioner):
    """Commits a generation of shards, each captions by path, and of an unfinished run of such.

    Whose a shard's captions are, they tell by their last word.
    """
    manifest = Manifest(
        generation=0,
        captioner=PEOPLE,
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        caption_dimension=word_encoder.dimension,
        probes=make_probes(word_encoder),
    )

    def write(captions):
        rows = [
            PhotoRow(
                hashlib.sha256(path.encode()).hexdigest(),
                (path.encode(),),
                Status.INDEXED,
                captions=(StoredCaption(text),),
                caption_vector=word_encoder.encode([text])[0],
            )
            for path, text in captions.items()
        ]
        schema = photo_schema(word_encoder.dimension)
        for captioner in (FIRST, SECOND):
            if says_captioner and all(text.endswith(captioner.name) for text in captions.values()):
                schema = name_captioner(schema, captioner)
        return write_shard(index, rows, schema)

    def commit(captioner, *shards, run_of=None, run=()):
        nonlocal manifest
        unfinished = UnfinishedRun(run_of, tuple(map(write, run))) if run_of else None
        manifest = dataclasses.replace(
            manifest, captioner=captioner, shards=tuple(map(write, shards)), unfinished=unfinished
        )
        manifest = commit_next(index, build_derived(index, manifest))
        return manifest

    return commit


def test_superseded_shards_are_not_kept_for_the_next_run(index, commit):
    commit(SECOND, {"/a": "a by the first"}, {"/a": "a by the second"})
    compacted = commit(SECOND, {"/a": "a by the second"})
    vectors_path(index, compacted.vectors[0]).unlink()
    repair_index(index)
    repaired = read_manifest(index)
    assert (repaired.shards, repaired.unfinished) == (compacted.shards, None)


def test_run_of_another_captioner_that_was_given_up_is_not_kept(index, commit):
    commit(FIRST, {"/a": "a by the first"}, run_of=SECOND, run=[{"/a": "a by the second"}])
    newest = commit(FIRST, {"/a": "a by the first"}, {"/b": "a b by the first"})
    vectors_path(index, newest.vectors[0]).unlink()
    repair_index(index)
    repaired = read_manifest(index)
    assert (repaired.captioner, repaired.shards, repaired.unfinished) == (FIRST, newest.shards, None)


def test_what_came_after_the_generation_before_stays_that_of_its_captioner(index, captions, commit):
    first = {"/a": "a by the first"}
    before = commit(FIRST, first, run_of=SECOND, run=[{"/a": "a by the second"}])
    newest = commit(
        SECOND, first, {"/a": "a by the second"}, {"/b": "a b by the second"}, {"/c": "a c by the second"}
    )
    spoil(shard_path(index, newest.shards[2].sha256))
    repair_index(index)
    repaired = read_manifest(index)
    assert (repaired.captioner, repaired.shards) == (FIRST, before.shards)
    assert repaired.unfinished == UnfinishedRun(SECOND, (newest.shards[1], newest.shards[3]))
    assert captions() == ["a by the first"]


def test_damage_to_what_was_compacted_costs_nothing_of_a_run_that_has_not_ended(index, captions, commit):
    a, b, c = ({f"/{name}": f"{name} by the first"} for name in "abc")
    run = [{"/a": "a by the second"}]
    before = commit(FIRST, a, b | c, run_of=SECOND, run=run)
    compacted = commit(FIRST, a | b, c, run_of=SECOND, run=run)
    spoil(shard_path(index, compacted.shards[0].sha256))
    repair_index(index)
    assert read_manifest(index).unfinished == before.unfinished
    assert captions() == ["a by the first", "b by the first", "c by the first"]


def test_damage_to_a_run_that_has_not_ended_costs_nothing_that_was_seen(index, captions, commit):
    commit(FIRST, {"/a": "a by the first"})
    run = [{"/a": "a by the second"}, {"/b": "a b by the second"}]
    newest = commit(FIRST, {"/a": "a by the first"}, {"/b": "a b by the first"}, run_of=SECOND, run=run)
    spoil(shard_path(index, newest.unfinished.shards[0].sha256))
    report = repair_index(index)
    assert "left out 1 damaged shards of the run that had not ended" in report.actions
    assert read_manifest(index).unfinished == UnfinishedRun(SECOND, newest.unfinished.shards[1:])
    assert captions() == ["a b by the first", "a by the first"]


def test_rows_of_earlier_generations_stand_in_for_lost_ones_and_for_no_others(index, captions, commit):
    before = commit(FIRST, {"/a": "a old"}, {"/b": "a b old", "/c": "a c old"})
    newest = commit(FIRST, {"/a": "a new"}, {"/b": "a b new"}, {"/c": "a c new"})
    spoil(shard_path(index, before.shards[0].sha256))
    spoil(shard_path(index, newest.shards[2].sha256))
    report = repair_index(index)
    assert "kept 1 whole shards with 2 rows of earlier generations" in report.actions
    assert captions() == ["a b new", "a c old", "a new"]


def test_rows_by_the_same_weights_stand_in_for_lost_ones_whatever_these_were_called(index, captions, commit):
    before = commit(ModelRecord("renamed", FIRST.sha256), {"/a": "a old"}, {"/b": "a b old"})
    newest = commit(FIRST, {"/a": "a new"}, {"/b": "a b new"})
    spoil(shard_path(index, before.shards[0].sha256))
    spoil(shard_path(index, newest.shards[1].sha256))
    repair_index(index)
    assert captions() == ["a b old", "a new"]


def test_no_row_of_another_captioner_stands_in_for_a_lost_one(index, captions, commit):
    before = commit(FIRST, {"/a": "a by the first"}, {"/b": "a b by the first"})
    newest = commit(SECOND, {"/a": "a by the second"}, {"/b": "a b by the second"})
    spoil(shard_path(index, before.shards[0].sha256))
    spoil(shard_path(index, newest.shards[1].sha256))
    report = repair_index(index)
    assert captions() == ["a by the second"]
    assert read_manifest(index).unfinished is None
    left = before.shards[1].sha256
    assert f"moved shards/{left}.parquet, which no generation needs, to quarantine/" in report.actions
    assert (index / "quarantine" / f"{left}.parquet").exists()


new_shards = pytest.mark.parametrize("says_captioner", [True], indirect=True)


def hashes(shards):
    return [shard.sha256 for shard in shards]


@new_shards
def test_rows_that_only_another_captioner_wrote_are_counted(index, captions, commit):
    shards = [{"/a": "a by the first"}, {"/a": "a by the second"}, {"/b": "a b by the second"}]
    commit(SECOND, *shards[:2])
    newest = commit(SECOND, *shards)
    spoil(shard_path(index, newest.shards[1].sha256))
    report = repair_index(index)
    left_out = (
        "left out 1 rows with another captioner's captions; run `retrieve index` to caption their photos "
    )
    assert f"{left_out}again" in report.actions
    assert captions() == ["a b by the second"]


@new_shards
def test_shards_of_a_lost_manifest_stay_those_of_their_captioner(index, captions, commit):
    before = commit(FIRST, {"/a": "a by the first"})
    lost = commit(SECOND, {"/a": "a by the first"}, {"/a": "a by the second"}, {"/b": "a b by the second"})
    manifest_path(index, lost.generation).unlink()
    repair_index(index)
    repaired = read_manifest(index)
    assert (repaired.captioner, repaired.shards) == (FIRST, before.shards)
    assert repaired.unfinished.captioner == SECOND
    assert hashes(repaired.unfinished.shards) == hashes(lost.shards[1:])
    assert captions() == ["a by the first"]


@new_shards
@pytest.mark.parametrize("captioner", [FIRST, SECOND])
def test_only_what_carries_on_the_run_of_a_generation_takes_part_in_it(index, commit, captioner):
    first, run = {"/a": "a by the first"}, [{"/a": "a by the second"}]
    before = commit(FIRST, first, run_of=SECOND, run=run)
    news = {"/b": f"a b by the {captioner.name}"}
    lost = commit(captioner, first, *(run if captioner is SECOND else []), news)
    manifest_path(index, lost.generation).unlink()
    repair_index(index)
    (own,) = before.unfinished.shards
    kept = (own, lost.shards[-1]) if captioner is SECOND else (own,)
    repaired = read_manifest(index).unfinished
    assert (repaired.captioner, hashes(repaired.shards)) == (SECOND, hashes(kept))


@new_shards
@pytest.mark.parametrize("run_of", [None, SECOND])
@pytest.mark.parametrize("photo", ["/a", "/b"])
def test_what_a_person_wrote_is_seen_where_its_manifest_is_lost(
    index, captions, commit, word_encoder, run_of, photo
):
    commit(FIRST, {"/a": "a 1 first", "/b": "a 2 first"}, run_of=run_of, run=[{"/a": "a by the second"}])
    lost = set_caption(index, hashlib.sha256(photo.encode()).hexdigest(), "a by hand", word_encoder)
    manifest_path(index, lost.generation).unlink()
    report = repair_index(index)
    repaired = read_manifest(index)
    assert "kept 1 whole shards with 1 rows of later generations" in report.actions
    assert (hashes(repaired.shards), repaired.unfinished) == (hashes(lost.shards), lost.unfinished)
    assert captions() == ["a 2 first" if photo == "/a" else "a 1 first", "a by hand"]


@pytest.mark.parametrize("says_captioner", [False], indirect=True)
def test_shard_that_may_be_of_either_captioner_is_moved_aside(index, commit, word_encoder):
    before = commit(FIRST, {"/a": "a by the first"}, run_of=SECOND, run=[{"/b": "a b by the second"}])
    lost = set_caption(index, hashlib.sha256(b"/a").hexdigest(), "a by hand", word_encoder)
    manifest_path(index, lost.generation).unlink()
    report = repair_index(index)
    name = shard_path(index, lost.shards[-1].sha256).name
    assert f"moved shards/{name}, which no generation needs, to quarantine/" in report.actions
    assert (index / "quarantine" / name).exists()
    repaired = read_manifest(index)
    assert (repaired.shards, repaired.unfinished) == (before.shards, before.unfinished)
