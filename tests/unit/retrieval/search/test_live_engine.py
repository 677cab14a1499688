"""What a live engine does about a generation that it cannot open."""

import errno
import os
from types import SimpleNamespace

import pytest

from retrieval.errors import CheckpointError, UnreadableError
from retrieval.search import live_engine
from retrieval.search.live_engine import LiveEngine
from retrieval.store.manifest import read_current_line

PHOTOS = {b"/a.jpg": "a dog"}
NO_FILES = OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.fixture
def index(tmp_path, make_index, word_encoder):
    make_index(tmp_path / "index", PHOTOS, word_encoder)
    return tmp_path / "index"


@pytest.fixture
def live(index, word_encoder):
    return LiveEngine(index, word_encoder, "cpu")


@pytest.fixture
def commit(index, make_index, word_encoder):
    def commit(generation):
        make_index(index, PHOTOS, word_encoder, generation)

    return commit


@pytest.fixture
def now(monkeypatch):
    """The time, in seconds."""
    now = [100.0]
    monkeypatch.setattr(live_engine, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def fail(monkeypatch):
    """Has `LiveEngine` fail to open as often as there are errors in the list, the last one first."""
    errors, opened = [], LiveEngine._open

    def open_or_fail(self, text_encoder):
        if errors:
            raise errors.pop()
        return opened(self, text_encoder)

    monkeypatch.setattr(LiveEngine, "_open", open_or_fail)
    return errors


@pytest.mark.parametrize(
    "error",
    [
        NO_FILES,
        CheckpointError("found no model"),
        UnreadableError("found CURRENT, which cannot be read"),
        MemoryError("found no gigabyte"),
    ],
)
def test_what_fails_for_the_moment_is_tried_again_after_a_while(live, commit, now, fail, caplog, error):
    commit(2)
    fail.append(error)
    assert live.engine.generation == 1
    assert caplog.messages == [f"generation 1 goes on answering: {error}"]
    now[0] += 1
    assert live.opened is live.engine
    assert live.engine.generation == 1
    now[0] += 10
    assert live.opened is None
    assert live.engine.generation == 2
    assert live.opened is live.engine


def test_the_next_generation_is_tried_at_once(live, commit, now, fail):
    commit(2)
    fail.append(NO_FILES)
    assert live.engine.generation == 1
    commit(3)
    assert live.opened is None
    assert live.engine.generation == 3


def test_of_a_generation_whose_files_are_on_their_way_it_waits_for_the_rest(live, index, commit, now, caplog):
    commit(2)
    (manifest,) = index.glob("manifests/*2*")
    (shard,) = index.glob("shards/*")
    late = [(file, file.rename(index / file.name)) for file in (manifest, shard)]
    for file, kept in late:
        for _ in range(3):
            assert live.engine.generation == 1
            now[0] += 10
        kept.rename(file)
    assert live.engine.generation == 2
    assert len(caplog.messages) == 2
    assert live.opened is live.engine


def test_what_takes_long_to_fail_is_tried_again_later_and_nobody_else_waits(live, commit, now, monkeypatch):
    opened = []

    def fail(*_):
        opened.append(live.opened)
        now[0] += 2
        raise NO_FILES

    commit(2)
    with monkeypatch.context() as patch:
        patch.setattr(LiveEngine, "_open", fail)
        for _ in range(2):
            former = live.engine
            assert former.generation == 1
            now[0] += 201
    assert opened == [None, former]
    assert live.engine.generation == 2


def test_a_generation_that_failed_once_is_followed_again_when_it_comes_back(live, index, commit, now, fail):
    commit(2)
    second = read_current_line(index)
    fail.append(NO_FILES)
    assert live.engine.generation == 1
    now[0] += 10
    assert live.engine.generation == 2
    commit(3)
    assert live.engine.generation == 3
    (index / "CURRENT").write_bytes(second)
    assert live.engine.generation == 2


def test_a_generation_that_cannot_be_used_is_tried_once(live, index, now, fail, caplog):
    (index / "CURRENT").unlink()
    for _ in range(3):
        assert live.engine.generation == 1
        now[0] += 100
    assert len(caplog.messages) == 1
    assert "found no index in " in caplog.messages[0]


def test_while_current_cannot_be_read_the_former_generation_answers(live, commit, now, monkeypatch, caplog):
    def fail(_index):
        raise NO_FILES

    commit(2)
    monkeypatch.setattr(live_engine, "read_current_line", fail)
    for _ in range(3):
        assert live.engine.generation == 1
        assert live.opened is live.engine
        now[0] += 1
    assert caplog.messages == [f"generation 1 goes on answering: {NO_FILES}"]
    monkeypatch.setattr(live_engine, "read_current_line", read_current_line)
    assert live.engine.generation == 2
