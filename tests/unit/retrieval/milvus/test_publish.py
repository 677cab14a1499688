"""What is published is one whole generation, and a search in Milvus finds what one in the index finds."""

import dataclasses
import gc
import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from socket import create_connection, create_server

import numpy as np
import pytest

from retrieval import SearchEngine
from retrieval.errors import IndexFormatError, InstallationError, MilvusError
from retrieval.generations import derived
from retrieval.generations.derived import build_derived, update_derived
from retrieval.generations.human_caption import set_caption
from retrieval.milvus import connection, publish
from retrieval.milvus.address import MilvusAddress
from retrieval.milvus.connection import Connection
from retrieval.milvus.publication import Part, Publication, find_current, fingerprint
from retrieval.milvus.publish import publish_index
from retrieval.store.manifest import commit_manifest, read_manifest
from retrieval.store.schema import PhotoRow, Status
from retrieval.store.shards import shard_path, shard_schema, write_shard

QUERIES = [
    "a dog jumps over a log",
    "two children on a beach",
    'dog -sofa "over a log"',
    "play -child",
    "red car camera:canon",
    "nothing of the kind",
    "width:>500",
]


@pytest.fixture
def index(tmp_path, open_engine, photo):
    """Twelve photos, of which one has no image vector."""
    images = np.random.default_rng(3).standard_normal((12, 48)).astype(np.float32)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    images[4] = np.nan
    rows = [
        photo("log", "a dog jumps over a log", "a brown dog is outside", tags=("collie",)),
        photo("sofa", "a cat sleeps on a sofa", "a dog on a sofa"),
        photo("beach", "two children play on the beach", taken=datetime(2021, 7, 1)),
        photo("car", "a red car on a road", camera="Canon EOS"),
        photo("hill", "a man stands on a hill"),
        photo("wide", "the sea at dawn", width=4000),
        *(photo(f"copy {number}", "a dog jumps over a log") for number in range(3)),
        photo("rex", "a dog", human="Rex in our old barn"),
        photo("mute", "🌃"),
        photo("road", "a bicycle on a road", camera="Nikon", width=800),
    ]
    open_engine(rows, images)
    return tmp_path / "index"


@pytest.fixture
def address(lite):
    return MilvusAddress.parse(lite)


def list_collections(address: MilvusAddress) -> set[str]:
    milvus = Connection(address)
    try:
        return set(milvus.call("list_collections"))
    finally:
        milvus.close()


def commit_next(index: Path) -> None:
    manifest = read_manifest(index)
    commit_manifest(index, dataclasses.replace(manifest, generation=manifest.generation + 1))


def test_a_search_in_milvus_finds_what_one_in_the_index_finds(index, address, lite, word_encoder):
    report = publish_index(index, address)
    assert (report.uri, report.name, report.generation, report.photos) == (lite, "retrieve", 1, 12)
    compare(SearchEngine.open(index, word_encoder), SearchEngine.open(index, word_encoder, milvus=lite))


def test_what_is_newer_than_the_derived_files_is_published(index, address, lite, word_encoder, monkeypatch):
    monkeypatch.setattr(derived, "_RECENT_SHARE", 1)
    (hill,) = SearchEngine.open(index, word_encoder).search("a man on a hill", 1, "lexical")
    (sea,) = SearchEngine.open(index, word_encoder).search("the sea", 1, "lexical")
    set_caption(index, hill.image_id, "Kate on our hill", word_encoder)
    before = read_manifest(index)
    shard = write_shard(index, [PhotoRow(sea.image_id, (), Status.DELETED)], shard_schema(before))
    after = dataclasses.replace(before, shards=(*before.shards, shard), generation=3)
    commit_manifest(index, update_derived(index, before, after))
    assert read_manifest(index).recent_rows == 2
    assert publish_index(index, address).photos == 11
    there = SearchEngine.open(index, word_encoder, milvus=lite)
    # Until then how rare a word is, is counted over what is gone, too.
    commit_manifest(index, build_derived(index, dataclasses.replace(after, generation=4)))
    compare(SearchEngine.open(index, word_encoder), there)


def compare(here: SearchEngine, there: SearchEngine) -> None:
    assert there.channels == here.channels == ("caption", "image", "lexical")
    for query in QUERIES:
        for channel in (None, *here.channels):
            for fold in (True, False):
                expected = here.search(query, 12, channel, fold=fold)
                found = there.search(query, 12, channel, fold=fold)
                assert [hit.image_id for hit in found] == [hit.image_id for hit in expected], (query, channel)
                scores = [[hit.score for hit in each] for each in (found, expected)]
                np.testing.assert_allclose(*scores, rtol=1e-5, atol=1e-6)
                assert [hit.channels.keys() for hit in found] == [hit.channels.keys() for hit in expected]
    hit = here.search("a dog jumps over a log")[0]
    similar = [engine.similar(hit.image_id, where="-tag:collie") for engine in (here, there)]
    assert [each.image_id for each in similar[0]] == [each.image_id for each in similar[1]]
    reasons = [engine.explain("a dog on a log", hit.image_id) for engine in (here, there)]
    for channel, place in reasons[0].channels.items():
        assert reasons[1].channels[channel].rank == place.rank
        assert reasons[1].channels[channel].score == pytest.approx(place.score, rel=1e-5)


def test_a_search_never_mixes_generations(index, address, lite, word_encoder, monkeypatch):
    with pytest.raises(MilvusError, match="found no file"):
        SearchEngine.open(index, word_encoder, milvus=lite)
    publish_index(index, address)
    closed, close = [], Connection.close
    monkeypatch.setattr(Connection, "close", lambda milvus: closed.append(milvus) or close(milvus))
    with pytest.raises(MilvusError, match=r"found no index published as 'other' .* expected generation 1"):
        SearchEngine.open(index, word_encoder, milvus=f"{lite}#other")
    assert len(closed) == 1
    first = SearchEngine.open(index, word_encoder, milvus=lite)
    commit_next(index)
    again = f"run `retrieve publish --to {lite}`"
    with pytest.raises(MilvusError, match=f"found generation 1 .* expected generation 2 .*{again}"):
        SearchEngine.open(index, word_encoder, milvus=lite)
    publish_index(index, address)
    assert SearchEngine.open(index, word_encoder, milvus=lite).generation == 2
    # Who has opened the one before goes on with it; the one after that removes it.
    assert first.search("a cat sleeps", channel="caption")[0].path == "/photos/sofa.jpg"
    assert len(list_collections(address)) == 8
    commit_next(index)
    publish_index(index, address)
    generations = {re.search(r"_([0-9]{8})_", name)[1] for name in list_collections(address)}
    assert generations == {"00000002", "00000003"}


def test_an_engine_that_nobody_needs_lets_go_of_its_connection(index, address, lite, word_encoder):
    publish_index(index, address)
    counts = []
    for _ in range(3):
        SearchEngine.open(index, word_encoder, milvus=lite).search("a cat sleeps")
        gc.collect()
        counts.append(len(os.listdir("/proc/self/fd")))
    assert counts[1:] == counts[:1] * 2


def test_several_indexes_share_a_milvus_by_names(index, address, lite, word_encoder):
    other = MilvusAddress.parse(f"{lite}#other")
    publish_index(index, address)
    publish_index(index, other)
    for uri in (lite, f"{lite}#other"):
        engine = SearchEngine.open(index, word_encoder, milvus=uri)
        assert engine.search("a cat sleeps", channel="caption")[0].path == "/photos/sofa.jpg"
    assert len(list_collections(address)) == 8


def test_a_name_that_is_taken_by_something_else_is_refused(index, address, lite):
    milvus = Connection(address)
    milvus.call("create_collection", "theirs", dimension=4)
    milvus.close()
    with pytest.raises(MilvusError, match=r"found a collection 'theirs' .* choose another one"):
        publish_index(index, MilvusAddress.parse(f"{lite}#theirs"))
    assert list_collections(address) == {"theirs"}


def test_a_name_that_is_an_alias_of_something_else_is_refused_before_anything_is_sent(index, address, lite):
    milvus = Connection(address)
    milvus.call("create_collection", "theirs", dimension=4)
    milvus.call("create_alias", "theirs", "photos")
    milvus.close()
    sent = []
    with pytest.raises(MilvusError, match=r"found an alias 'photos' .* choose another one"):
        publish_index(index, MilvusAddress.parse(f"{lite}#photos"), lambda *what: sent.append(what))
    assert sent == []
    assert list_collections(address) == {"theirs"}


def test_what_fails_halfway_leaves_nothing_behind(index, address, lite, word_encoder):
    publish_index(index, address)
    before = list_collections(address)
    commit_next(index)
    shard = shard_path(index, read_manifest(index).shards[-1].sha256)
    whole = shard.read_bytes()

    def damage(description: str, done: int, total: int) -> None:
        if description == "words":
            shard.write_bytes(whole[:-1])

    with pytest.raises(IndexFormatError, match="is damaged"):
        publish_index(index, address, damage)
    assert list_collections(address) == before
    shard.write_bytes(whole)
    publish_index(index, address)
    assert SearchEngine.open(index, word_encoder, milvus=lite).generation == 2


def leave_behind(index: Path, address: MilvusAddress, run: str) -> None:
    """What a run that was killed leaves, or one that has not ended has written."""
    manifest = read_manifest(index)
    left = Publication("retrieve", manifest.generation, fingerprint(manifest), run).collection(Part.CAPTIONS)
    milvus = Connection(address)
    milvus.call("create_collection", left, dimension=4)
    milvus.close()


@pytest.mark.parametrize("method", ["alter_alias", "drop_collection"])
def test_an_interrupt_after_the_change_leaves_what_is_published(
    index, address, lite, word_encoder, monkeypatch, method
):
    publish_index(index, address)
    leave_behind(index, address, "00000000")
    commit_next(index)
    call, interrupts = Connection.call, [KeyboardInterrupt()]

    def interrupt_once(self, called, *arguments, **options):
        answer = call(self, called, *arguments, **options)
        if called == method and interrupts:
            raise interrupts.pop()
        return answer

    monkeypatch.setattr(Connection, "call", interrupt_once)
    with pytest.raises(KeyboardInterrupt):
        publish_index(index, address)
    assert SearchEngine.open(index, word_encoder, milvus=lite).search("a cat sleeps")[0].rank == 1


def test_older_ones_that_cannot_be_removed_are_left_to_the_next_run(
    index, address, lite, word_encoder, monkeypatch
):
    leave_behind(index, address, "00000000")
    call = Connection.call

    def refuse(self, method, *arguments, **options):
        if method == "drop_collection":
            raise MilvusError("found no answer")
        return call(self, method, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "call", refuse)
        assert publish_index(index, address).photos == 12
    assert SearchEngine.open(index, word_encoder, milvus=lite).generation == 1
    assert len(list_collections(address)) == 5
    publish_index(index, address)
    assert len(list_collections(address)) == 8


def test_what_a_killed_run_left_is_removed_by_the_next(index, address, lite, word_encoder):
    for run in ("00000000", "11111111"):
        leave_behind(index, address, run)
    milvus = Connection(address)
    assert find_current(milvus) is None
    milvus.close()
    with pytest.raises(MilvusError, match="found no index published"):
        SearchEngine.open(index, word_encoder, milvus=lite)
    publish_index(index, address)
    assert len(list_collections(address)) == 4


@pytest.fixture
def meanwhile(monkeypatch):
    """Does something once when a run is about to send, or has sent, what it sends."""

    def meanwhile(when: str, do) -> None:
        def fill_and_do(*arguments):
            monkeypatch.setattr(publish, "_fill", fill)
            if when == "before":
                do()
            fill(*arguments)
            if when == "after":
                do()

        fill = publish._fill
        monkeypatch.setattr(publish, "_fill", fill_and_do)

    return meanwhile


def test_what_a_later_run_is_sending_is_not_removed(index, address, meanwhile):
    def begin_later():
        commit_next(index)
        leave_behind(index, address, "22222222")

    leave_behind(index, address, "11111111")
    meanwhile("after", begin_later)
    assert publish_index(index, address).generation == 1
    left = [name for name in list_collections(address) if re.search("_(1{8}|2{8})_", name)]
    assert (len(list_collections(address)), len(left), "_22222222_" in left[0]) == (5, 1, True)


def test_what_was_published_since_a_run_began_stays_for_who_has_opened_it(
    index, address, lite, word_encoder, meanwhile
):
    def publish_too():
        publish_index(index, address)
        opened.append(SearchEngine.open(index, word_encoder, milvus=lite))

    opened: list[SearchEngine] = []
    meanwhile("before", publish_too)
    publish_index(index, address)
    opened.append(SearchEngine.open(index, word_encoder, milvus=lite))
    for engine in opened:
        assert engine.search("a cat sleeps", channel="caption")[0].path == "/photos/sofa.jpg"


def test_a_run_that_a_later_one_overtakes_fails(index, address, lite, word_encoder, meanwhile):
    def overtake():
        commit_next(index)
        publish_index(index, address)

    meanwhile("after", overtake)
    with pytest.raises(MilvusError, match="does not exist"):
        publish_index(index, address)
    assert SearchEngine.open(index, word_encoder, milvus=lite).generation == 2
    assert len(list_collections(address)) == 4


def start_server(folder: Path, port: int) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(
        [sys.executable, "-m", "milvus_lite", "server", "--data-dir", folder, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            create_connection(("127.0.0.1", port)).close()
            return server
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.mark.slow
def test_a_milvus_that_goes_away_leaves_what_was_published(index, lite, tmp_path, word_encoder):
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = MilvusAddress.parse(f"http://127.0.0.1:{port}")
    server = start_server(tmp_path / "data", port)
    try:
        publish_index(index, address)
        engine = SearchEngine.open(index, word_encoder, milvus=address.uri)
        commit_next(index)

        def kill(description: str, done: int, total: int) -> None:
            if description == "words" and done == total:
                server.kill()
                server.wait()

        start = time.monotonic()
        with pytest.raises(MilvusError, match=r"\Afound no answer from Milvus at .*\Z") as gone:
            publish_index(index, address, kill)
        assert time.monotonic() - start < 30
        assert "\n" not in str(gone.value)
        with pytest.raises(MilvusError, match="found no answer"):
            engine.search("dog")
        server = start_server(tmp_path / "data", port)
        with pytest.raises(MilvusError, match=r"found generation 1 .* expected generation 2"):
            SearchEngine.open(index, word_encoder, milvus=address.uri)
        publish_index(index, address)
        assert SearchEngine.open(index, word_encoder, milvus=address.uri).search("cat")[0].rank == 1
    finally:
        server.kill()
        server.wait()


def test_a_milvus_that_does_not_answer_is_said_within_seconds(index, lite, monkeypatch):
    assert connection._CONNECT_SECONDS <= 5
    monkeypatch.setattr(connection, "_CONNECT_SECONDS", 1)
    with create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 1):
            start = time.monotonic()
            with pytest.raises(
                MilvusError,
                match=rf"found no answer from Milvus at http://127.0.0.1:{port} .* in MILVUS_TOKEN, ",
            ):
                publish_index(index, MilvusAddress.parse(f"http://127.0.0.1:{port}"))
            assert time.monotonic() - start < 10


def test_a_package_that_is_missing_is_named(index, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InstallationError, match=r"run `/.* -m pip install pymilvus`"):
        publish_index(index, MilvusAddress.parse("http://127.0.0.1:1"))


def test_words_that_are_longer_than_milvus_takes_are_refused(lite, tmp_path, open_engine, photo, address):
    open_engine([photo("novel", "word " * 20_000), photo("short", "a dog")])
    with pytest.raises(MilvusError, match=r"found captions of 100001 bytes .* expected at most 65535"):
        publish_index(tmp_path / "index", address)
    assert list_collections(address) == set()
