import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from retrieval.errors import IndexBusyError, RetrievalError
from retrieval.store.lock import require_no_writer, writer_lock

HOLD = """
import sys, time
from pathlib import Path
from retrieval.store.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""

HOLD_AND_FORK = """
import os, sys, time
from pathlib import Path
from retrieval.store.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    if os.fork() == 0:
        print(os.getpid(), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `tmp_path`/index."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "index")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_second_process_is_refused_within_a_second(tmp_path, holder):
    seconds = []
    for _ in range(3):  # The machine may be busy with something else.
        start = time.monotonic()
        with (
            pytest.raises(RetrievalError, match=f"written by process {holder.pid}"),
            writer_lock(tmp_path / "index"),
        ):
            pass
        seconds.append(time.monotonic() - start)
    assert min(seconds) < 1


def test_who_asks_before_it_writes_is_told_the_same(tmp_path, holder):
    with pytest.raises(IndexBusyError, match=f"written by process {holder.pid}, expected no other writer"):
        require_no_writer(tmp_path / "index")
    holder.kill()
    holder.wait()
    require_no_writer(tmp_path / "index")
    assert (tmp_path / "index" / "LOCK").read_text() == f"{holder.pid}\n"


def test_who_asks_makes_no_folder_and_holds_nothing(tmp_path):
    require_no_writer(tmp_path / "index")
    assert not (tmp_path / "index").exists()
    with writer_lock(tmp_path):
        pass
    require_no_writer(tmp_path)
    with writer_lock(tmp_path):
        pass


def test_lock_of_a_killed_process_does_not_block(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "index" / "LOCK").read_text() == f"{holder.pid}\n"
    with writer_lock(tmp_path / "index"):
        assert (tmp_path / "index" / "LOCK").read_text() == f"{os.getpid()}\n"


def test_same_process_cannot_write_twice_and_can_write_again(tmp_path):
    with (
        writer_lock(tmp_path),
        pytest.raises(RetrievalError, match="being written"),
        writer_lock(tmp_path),
    ):
        pass
    with writer_lock(tmp_path):
        pass


def test_lock_on_a_full_disk_is_held_without_a_number(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", fail)
    with (
        writer_lock(tmp_path),
        pytest.raises(IndexBusyError, match="being written by another process"),
        writer_lock(tmp_path),
    ):
        pass


def test_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), writer_lock(tmp_path):
        raise ZeroDivisionError
    with writer_lock(tmp_path):
        pass


def test_worker_that_outlives_its_killed_writer_does_not_keep_the_lock(tmp_path):
    command = [sys.executable, "-c", HOLD_AND_FORK, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        # The worker says its own number: from fork on until it runs, it does hold the lock.
        worker = int(writer.stdout.readline())
        try:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            with writer_lock(tmp_path):
                os.kill(worker, 0)
        finally:
            os.kill(worker, signal.SIGKILL)


def test_a_disk_that_locks_no_files_is_one_clear_line(tmp_path, monkeypatch):
    def refuse(_descriptor, _how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(RetrievalError, match=r"LOCK on a disk that locks no files \(No locks available\)"):
        with writer_lock(tmp_path):
            pass
