"""Whatever is done to photos and index, in whatever order: the index says what a dictionary says."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import retrieval.store.files
from retrieval.generations import derived
from retrieval.generations.compact import compact_index

NAMES = st.sampled_from(["a.png", "b.png", "c/a.png", "c/d.png", "e.png"])
COLOURS = st.integers(0, 5).map(lambda number: (40 * number, 50, 100))


class KilledError(BaseException):
    """A kill: nothing of the program runs after it. (In truth `finally` does; it cannot write either.)"""


class Killer:
    """Lets so many files be published, and no more."""

    def __init__(self, publish: Callable[[Path, Path], None]) -> None:
        self.left: int | None = None
        self._publish = publish

    def __call__(self, temporary: Path, path: Path) -> None:
        if self.left == 0:
            raise KilledError
        if self.left is not None:
            self.left -= 1
        self._publish(temporary, path)


class Collection(RuleBasedStateMachine):
    """Photos that come, change, move and go; `known` is what the index was last brought up to."""

    open_library: Callable[[Path], Any]
    killer: Killer

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.library = self.open_library(self.folder)
        self.photos: dict[str, tuple[int, int, int]] = {}
        self.known: dict[str, str] | None = None
        self.clock = 1_700_000_000

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(name=NAMES, colour=COLOURS)
    def paint(self, name: str, colour: tuple[int, int, int]) -> None:
        """A new photo, or another one in the place of one. Its time is past, so that it may be recalled."""
        path = self.library.paint(name, colour)
        self.clock += 1
        os.utime(path, (self.clock, self.clock))
        self.photos[name] = colour

    @precondition(lambda self: self.photos)
    @rule(data=st.data(), target_name=NAMES)
    def move(self, data: st.DataObject, target_name: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.photos)))
        target = self.library.photos / target_name
        target.parent.mkdir(exist_ok=True)
        os.replace(self.library.photos / name, target)
        self.photos[target_name] = self.photos.pop(name)

    @precondition(lambda self: self.photos)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.photos)))
        (self.library.photos / name).unlink()
        del self.photos[name]

    @rule(shard_rows=st.sampled_from([1, 2, 100]), recaption=st.booleans())
    def index(self, shard_rows: int, recaption: bool) -> None:
        report = self.library.build(shard_rows=shard_rows, recaption=recaption)
        self.known = self.library.expected(self.photos)
        assert report.photos == len(set(self.known.values()))
        self.library.check()

    @rule(files=st.integers(0, 12), shard_rows=st.sampled_from([1, 2]))
    def index_and_be_killed(self, files: int, shard_rows: int) -> None:
        before = set((self.known or {}).values()) & set(self.library.expected(self.photos).values())
        self.killer.left = files
        try:
            self.library.build(shard_rows=shard_rows)
        except KilledError:
            self.killer.left = None
            if self.known is not None:
                assert before <= set(self.library.captions().values())
            self.known = None
        else:
            self.killer.left = None
            self.known = self.library.expected(self.photos)

    @precondition(lambda self: self.known is not None)
    @rule(shard_rows=st.sampled_from([1, 3, 100]))
    def compact(self, shard_rows: int) -> None:
        report = compact_index(self.library.index, shard_rows)
        assert report.rows == len(set(self.known.values()))
        self.library.check()

    @invariant()
    def index_says_what_was_there(self) -> None:
        if self.known is not None:
            assert self.library.captions() == self.known


@pytest.mark.usefixtures("decoding_here")
@pytest.mark.parametrize("recent_share", [0, 3], ids=["derived", "recent"])
def test_index_follows_whatever_is_done(
    monkeypatch: pytest.MonkeyPatch,
    stubs: ModuleType,
    open_library: Callable[[Path], Any],
    full: bool,
    recent_share: int,
) -> None:
    monkeypatch.setattr(derived, "_RECENT_SHARE", recent_share)
    killer = Killer(retrieval.store.files.publish_file)
    monkeypatch.setattr(retrieval.store.files, "publish_file", killer)
    machine = type("Bound", (Collection,), {"open_library": staticmethod(open_library), "killer": killer})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=300 if full else 12,
            stateful_step_count=25 if full else 12,
            deadline=None,
            derandomize=not full,
            suppress_health_check=list(HealthCheck),
        ),
    )
