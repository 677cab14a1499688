"""What changes an index that is followed is run for."""

import dataclasses
import os
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
import watchfiles

from indexer.updating.report import IndexReport
from indexer.watch import follow, is_of_interest
from retrieval.errors import IndexBusyError, RetrievalError, UsageError

REPORT = IndexReport(new=0, unchanged=1, updated=0, removed=0, failed=0, photos=1, generation=1, seconds=0.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", True),
        ("sub/b.JPG", True),
        ("notes.txt", False),
        ("trip.2019", True),
        # What is gone may have been a folder, whatever it is called.
        ("gone.2018", True),
        ("gone", True),
        (".hidden", False),
        ("sub/@eaDir/a.jpg/thumb.jpg", False),
        ("sub/.hidden.2018/gone.2017", False),
        ("index/gone.2018", False),
        ("../gone.2018", False),
    ],
)
def test_a_change_is_of_interest_where_it_may_concern_a_photo(tmp_path, name, expected):
    photos = tmp_path / "photos"
    (photos / "trip.2019").mkdir(parents=True)
    (photos / "notes.txt").write_text("Dear diary")
    path = tmp_path / "gone.2018" if name.startswith("..") else photos / name
    assert is_of_interest(str(path), [str(photos)], str(photos / "index")) is expected


def test_up_from_a_linked_folder_is_followed_what_is_scanned(tmp_path, monkeypatch):
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(tmp_path / "photos" / "sub")
    followed = []
    monkeypatch.setattr(watchfiles, "watch", lambda *folders, **_: followed.extend(folders) or iter(()))
    assert list(follow([tmp_path / "linked" / ".."], tmp_path / "index", pytest.fail)) == []
    assert followed == [str(tmp_path / "photos")]


@pytest.mark.parametrize("name", [".private", ".private/a.jpg", ".private/new.jpg", ".one.jpg"])
def test_what_is_hidden_is_followed_where_it_was_given_by_name(tmp_path, name):
    (tmp_path / ".private").mkdir()
    roots = [str(tmp_path), str(tmp_path / ".private"), str(tmp_path / ".one.jpg")]
    for order in (roots, roots[::-1]):
        assert is_of_interest(str(tmp_path / name), order, str(tmp_path / "index"))
        assert not is_of_interest(str(tmp_path / ".other" / "a.jpg"), order, str(tmp_path / "index"))


def test_the_first_run_comes_while_something_else_in_the_folder_changes(tmp_path):
    done = threading.Event()

    def write_log():
        for line in range(50):
            (tmp_path / "log.txt").write_text(str(line))
            if done.wait(0.1):
                return

    def run():
        assert writer.is_alive()
        return REPORT

    writer = threading.Thread(target=write_log)
    writer.start()
    try:
        assert next(follow([tmp_path], tmp_path / "index", run)) is REPORT
    finally:
        done.set()
        writer.join()


def test_a_name_that_is_no_unicode_ends_nothing(tmp_path):
    def write():
        (folder / "new.jpg").write_bytes(b"")
        while not done.wait(0.1):
            Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg")).write_bytes(b"")

    def run():
        runs.append(time.monotonic())
        return dataclasses.replace(REPORT, new=1)

    folder, runs, done, writer = tmp_path, [], threading.Event(), threading.Thread(target=write)
    following = follow([folder], tmp_path / "index", run)
    next(following)
    writer.start()
    try:
        next(following)
        next(following)
    finally:
        done.set()
        writer.join()
    assert runs[2] - runs[1] > 0.9  # A name that changes all the time is no reason for a run each time.


def test_what_comes_while_no_watcher_is_there_is_found_by_another_run(tmp_path, monkeypatch):
    def run():
        runs.append((tmp_path / "late.jpg").exists())
        if len(runs) == 2:
            (tmp_path / "late.jpg").write_bytes(b"")
        return dataclasses.replace(REPORT, new=1)

    runs = []
    monkeypatch.setattr("indexer.watch._SECONDS_BETWEEN_SCANS", 20)
    following = follow([tmp_path], tmp_path / "index", run)
    next(following)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).write_bytes(b"")
    next(following)
    begun = time.monotonic()
    next(following)
    assert runs == [False, False, True]
    assert time.monotonic() - begun < 15  # Before the next scan.


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        # A folder that ends a watcher as it begins, and a photo that does once a run has read it.
        ([], [1, 3, 7, 15, 31, 63, 123, 183, 243]),
        ([set()], [0, 1, 3, 7, 15, 31, 63, 123, 183]),
    ],
)
def test_names_that_end_every_watcher_are_a_change_less_and_less_often(
    tmp_path, monkeypatch, batches, expected
):
    def watch(*_, **__):
        yield from batches
        raise RuntimeError(f"Unable to decode path {tmp_path} to string")

    def run():
        ran.append(now[0])
        if len(ran) == 9:
            raise UsageError("enough")
        return REPORT

    def sleep(seconds):
        now[0] += seconds

    now, ran = [0], []
    monkeypatch.setattr(watchfiles, "watch", watch)
    monkeypatch.setattr("indexer.watch.time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    with pytest.raises(UsageError, match="enough"):
        list(follow([tmp_path], tmp_path / "index", run))
    assert ran == expected


def test_a_system_without_a_watcher_to_spare_is_refused(tmp_path, monkeypatch):
    def watch(*_, **__):
        raise RuntimeError("Error creating recommended watcher: Too many open files (os error 24)")
        yield

    monkeypatch.setattr(watchfiles, "watch", watch)
    with pytest.raises(RetrievalError, match=r"Too many open files .*, expected to be told of changes"):
        next(follow([tmp_path], tmp_path / "index", pytest.fail))


def test_a_folder_that_cannot_be_followed_is_refused(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    with pytest.raises(UsageError, match=r"caf\\xe9, expected a folder whose name is UTF-8"):
        next(follow([folder], tmp_path / "index", pytest.fail))


@pytest.fixture
def seconds(monkeypatch) -> list[int]:
    """The time, one more at each of 600 ticks; from the tenth to the 200th a photo changes each time."""
    now = [0]

    def watch(folder, **_):
        for now[0] in range(600):
            yield {(watchfiles.Change.added, f"{folder}/a.jpg")} if 10 <= now[0] < 200 else set()

    monkeypatch.setattr(watchfiles, "watch", watch)
    monkeypatch.setattr("indexer.watch.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_folder_is_looked_through_after_five_minutes_without_a_change(tmp_path, seconds):
    ran = []

    def run():
        ran.append(seconds[0])
        return REPORT

    assert list(follow([tmp_path], tmp_path / "index", run)) == [REPORT]
    assert ran == [0, *range(10, 200), 499]


@pytest.fixture
def elsewhere(tmp_path):
    """A folder on another disk."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs two file systems")
    with TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


@pytest.mark.parametrize("found", ["nothing", "an empty folder", "photos"])
def test_a_disk_that_is_away_is_waited_for(tmp_path, seconds, monkeypatch, caplog, elsewhere, found):
    """As where a disk was mounted, and the empty folder under it stays; or it has another number now."""
    other = None if found == "nothing" else elsewhere
    if found == "photos":
        (elsewhere / "photo.jpg").touch()
    (tmp_path / "photos").mkdir()
    mounted, ran = tmp_path / "mounted", []
    mounted.symlink_to(tmp_path / "photos")

    def run():
        ran.append(seconds[0])
        return REPORT

    def tell_time():
        if seconds[0] in (13, 250):
            mounted.unlink(missing_ok=True)
        if seconds[0] == 13 and other is not None:
            mounted.symlink_to(other)
        if seconds[0] == 250:
            mounted.symlink_to(tmp_path / "photos")
        return seconds[0]

    monkeypatch.setattr("indexer.watch.time", SimpleNamespace(monotonic=tell_time))
    assert list(follow([mounted], tmp_path / "index", run)) == [REPORT]
    if found == "photos":
        assert 13 in ran
        assert not caplog.messages
    else:
        assert ran == [0, 10, 11, 12, 250, 550]
        (message,) = caplog.messages
        assert message.startswith(f"found nothing in {mounted} any more, and another disk there or none, exp")


def test_changes_wait_longer_and_longer_for_another_writer(tmp_path, seconds):
    ran = []

    def run():
        ran.append(seconds[0])
        if 0 < seconds[0] < 133:
            raise IndexBusyError("another writes")
        return REPORT

    assert list(follow([tmp_path], tmp_path / "index", run)) == [REPORT]
    assert ran == [0, 10, 11, 13, 17, 25, 41, 73, *range(133, 200), 499]
