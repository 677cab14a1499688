"""A run that fails at its N-th write, fsync or rename, for every N, is carried on by the next one.

strace kills the process or makes the call fail; the photos, the index before and the models are the same each
time. What was acknowledged before must be there whatever happens.
"""

import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from retrieval.generations.verify import verify_index
from retrieval.store.manifest import read_manifest

pytestmark = pytest.mark.usefixtures("decoding_here")

BEFORE = {f"{number}.png": (number, 50, 100) for number in range(4)}
AFTER = {
    "0.png": (0, 50, 100),
    "moved/1.png": (1, 50, 100),
    "2.png": (200, 50, 100),
    **{f"new/{number}.png": (number, 150, 100) for number in range(7)},
}
NEW = 8
SHARD_ROWS = 3
CALLS = ("write", "fsync", "rename")
# The calls that fail in the part that every test run has; in full it is each of them.
PART = {
    ("write", "signal=SIGKILL"): (3, 9),
    ("fsync", "signal=SIGKILL"): (5, 18),
    ("rename", "signal=SIGKILL"): (2, 8),
    ("write", "error=ENOSPC"): (6,),
    ("fsync", "error=ENOSPC"): (9,),
    ("rename", "error=ENOSPC"): (4,),
    ("write", "error=EIO"): (11,),
    ("fsync", "error=EIO"): (14,),
    ("rename", "error=EIO"): (10,),
}


@dataclass(frozen=True, slots=True)
class Case:
    """An index of `BEFORE` whose photos have become `AFTER` since, as often as wanted."""

    folder: Path
    saved: Path
    open_library: Callable[[Path], Any]

    def restore(self) -> Any:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.saved, self.folder)
        return self.open_library(self.folder)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, open_library: Callable[[Path], Any]) -> Case:
    folder = tmp_path_factory.mktemp("calls")
    library = open_library(folder / "library")
    for name, colour in BEFORE.items():
        library.paint(name, colour)
    library.build()
    (library.photos / "moved").mkdir()
    (library.photos / "1.png").rename(library.photos / "moved" / "1.png")
    (library.photos / "3.png").unlink()
    for name, colour in AFTER.items():
        if not name.startswith("moved"):
            library.paint(name, colour)
    shutil.copytree(folder / "library", folder / "saved")
    return Case(folder / "library", folder / "saved", open_library)


@pytest.mark.parametrize(("call", "fault"), PART)
def test_nothing_acknowledged_is_lost_and_the_next_run_completes(
    strace: str, run_index_script: Path, case: Case, call: str, fault: str, full: bool
) -> None:
    for number in itertools.count(1) if full else PART[call, fault]:
        library = case.restore()
        inject = f"inject={call}:{fault}:when={number}"
        done, trace = run_traced(strace, run_index_script, case.folder, inject)
        fired = "(INJECTED)" in trace or "+++ killed" in trace
        assert (done.returncode == 0) == (b"acknowledged" in done.stdout), (number, done)
        check_what_is_there(library, trace, acknowledged=done.returncode == 0)
        kept = count_rows(library.index)
        library.build(shard_rows=SHARD_ROWS)
        assert library.captions() == library.expected(AFTER), (call, fault, number)
        library.check()
        assert library.captioner.captioned <= max(0, NEW - kept)
        if not fired:
            assert done.returncode == 0, done
            break
    assert fired != full
    assert not full or number > 10


def run_traced(
    strace: str, script: Path, folder: Path, inject: str
) -> tuple[subprocess.CompletedProcess[bytes], str]:
    log = folder / "trace"
    tracing = [strace, "-qq", "-o", log, "-e", f"trace={','.join(CALLS)}", "-e", inject]
    command = [sys.executable, script, folder / "photos", folder / "index", str(SHARD_ROWS)]
    done = subprocess.run([*tracing, *command], capture_output=True, check=False)
    return done, log.read_text(errors="replace")


def check_what_is_there(library: Any, trace: str, acknowledged: bool) -> None:
    """Every photo that was acknowledged, and every shard that was committed since."""
    assert verify_index(library.index).damaged == ()
    captions = library.captions()
    if acknowledged:
        assert captions == library.expected(AFTER)
    assert {library.caption_of(BEFORE[name]) for name in ("0.png", "1.png")} <= set(captions.values())
    committed = len(re.findall(r'/CURRENT"\) += 0', trace))
    assert read_manifest(library.index).generation >= 1 + committed
    assert count_rows(library.index) >= min(SHARD_ROWS * committed, NEW)


def count_rows(index: Path) -> int:
    """How many rows came after those of `BEFORE`."""
    manifest = read_manifest(index)
    waiting = manifest.unfinished.shards if manifest.unfinished else ()
    return sum(shard.rows for shard in (*manifest.shards, *waiting)) - len(BEFORE)
