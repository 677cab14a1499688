"""What a disk holds after a power cut at any moment of a run: the index as it was acknowledged, or newer.

The run's system calls, as strace saw them, are replayed on a model of a file system that keeps only what was
synced: a file's bytes by its own fsync, its name by that of its folder.
"""

import codecs
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from retrieval.errors import IndexNotFoundError
from retrieval.generations.verify import verify_index

pytestmark = pytest.mark.usefixtures("decoding_here")

TRACED = "openat,creat,close,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,mkdir,unlink"
# Calls that are not modelled, and so must not occur in a folder of the index.
UNKNOWN = {"creat", "fdatasync", "renameat", "renameat2"}
_CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
SHARD_ROWS = 3


@dataclass(slots=True)
class Inode:
    volatile: bytes = b""
    durable: bytes = b""


@dataclass(slots=True)
class Disk:
    """A file system: path → inode as the process sees it, and as a power cut leaves it."""

    names: dict[str, Inode] = field(default_factory=dict)
    durable: dict[str, Inode] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    durable_folders: set[str] = field(default_factory=set)
    open_files: dict[int, str] = field(default_factory=dict)

    def sync_folder(self, folder: str) -> None:
        gone = [path for path in self.durable if parent(path) == folder and path not in self.names]
        for path in gone:
            del self.durable[path]
        self.durable.update({path: inode for path, inode in self.names.items() if parent(path) == folder})
        self.durable_folders |= {path for path in self.folders if parent(path) == folder}

    def after_cut(self, keep_names: Callable[[], bool]) -> dict[str, bytes]:
        """What is there after a power cut; of names that were not synced, those that `keep_names` says.

        A name may outlive the bytes that were not synced: the file then has those that were.
        """
        left = dict(self.durable)
        for path in self.names.keys() | self.durable.keys():
            if self.names.get(path) is not self.durable.get(path) and keep_names():
                left.pop(path, None)
                if path in self.names:
                    left[path] = self.names[path]
        return {path: inode.durable for path, inode in left.items() if self._is_reachable(path)}

    def _is_reachable(self, path: str) -> bool:
        folder = parent(path)
        while folder in self.folders:
            if folder not in self.durable_folders:
                return False
            folder = parent(folder)
        return True


def parent(path: str) -> str:
    return path.rpartition("/")[0]


def apply(disk: Disk, call: str, arguments: str, result: int) -> None:
    """Do one call."""
    texts = [codecs.escape_decode(text.encode())[0] for text in _TEXT.findall(arguments)]
    if call in ("openat", "mkdir", "unlink", "rename"):
        paths = [text.decode(errors="surrogateescape") for text in texts]
        change_names(disk, call, paths, arguments, result)
        return
    descriptor = int(arguments.split(",")[0])
    path = disk.open_files.get(descriptor)
    if path is None:
        return
    if call == "close":
        del disk.open_files[descriptor]
    elif call == "write":
        disk.names[path].volatile += texts[0]
    elif call == "fsync" and path in disk.names:
        disk.names[path].durable = disk.names[path].volatile
    elif call == "fsync":
        disk.sync_folder(path)


def change_names(disk: Disk, call: str, paths: list[str], arguments: str, result: int) -> None:
    if call == "mkdir":
        disk.folders.add(paths[0])
    elif call == "unlink":
        del disk.names[paths[0]]
    elif call == "rename":
        inode = disk.names.pop(paths[0])
        assert inode.durable == inode.volatile, f"{paths[1]} was renamed before it was synced"
        disk.names[paths[1]] = inode
    else:
        disk.open_files[result] = paths[0]
        if "O_CREAT" in arguments:
            disk.names.setdefault(paths[0], Inode())
        if "O_TRUNC" in arguments:
            disk.names[paths[0]].volatile = b""


def trace_run(strace: str, script: Path, library: Any) -> list[tuple[str, str, int]]:
    """The calls of a run that concern its index, in order."""
    log = library.photos.parent / "trace"
    tracing = [strace, "-qq", "-s", "1000000", "-o", log, "-e", f"trace={TRACED}"]
    command = [sys.executable, script, library.photos, library.index, str(SHARD_ROWS)]
    subprocess.run([*tracing, *command], capture_output=True, check=True)
    calls = [match.groups() for match in map(_CALL.match, log.read_text().splitlines()) if match]
    ours: set[str] = set()
    found = []
    for call, arguments, result in calls:
        path = next(iter(_TEXT.findall(arguments)), "")
        about = path == str(library.index.parent) or path.startswith(str(library.index))
        if call == "openat" and int(result) >= 0:
            (ours.add if about else ours.discard)(result)
        descriptor = arguments.split(",")[0]
        relevant = (about and call != "write") or descriptor in ours or is_acknowledgement(call, arguments)
        if relevant and int(result) >= 0 and "/LOCK" not in arguments:
            assert call not in UNKNOWN
            found.append((call, arguments, int(result)))
        if call == "close":
            ours.discard(descriptor)
    return found


def is_acknowledgement(call: str, arguments: str) -> bool:
    return call == "write" and arguments.startswith('1, "acknowledged')


def load_disk(index: Path) -> Disk:
    """A disk on which everything that is there was synced."""
    disk = Disk()
    for path in index.rglob("*"):
        if path.is_dir():
            disk.folders.add(str(path))
        else:
            data = path.read_bytes()
            disk.names[str(path)] = Inode(data, data)
    disk.folders.add(str(index))
    disk.durable, disk.durable_folders = dict(disk.names), set(disk.folders)
    return disk


def cut_at_every_call(
    disk: Disk, calls: list[tuple[str, str, int]]
) -> Iterator[tuple[bool, dict[str, bytes]]]:
    """(whether the run was acknowledged, what may be left), each different state once, after every call.

    Left may be: nothing that was not synced, every name, or some of the names.
    """
    rng, seen, acknowledged = random.Random(0), set(), False
    for call in calls:
        if is_acknowledgement(*call[:2]):
            acknowledged = True
            # Names that were removed may come back: nothing needs them, and the next run removes them again.
            for path, inode in disk.names.items():
                assert disk.durable[path].durable == inode.volatile
        else:
            apply(disk, *call)
        for keep in (lambda: False, lambda: True, lambda: rng.random() < 0.5):
            files = disk.after_cut(keep)
            state = (acknowledged, frozenset(files.items()))
            if state not in seen:
                seen.add(state)
                yield acknowledged, files


def write_folder(folder: Path, files: dict[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for path, data in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data)


@pytest.mark.parametrize("first", [True, False], ids=["first run", "later run"])
def test_a_power_cut_at_any_moment_loses_nothing_acknowledged(
    strace: str, run_index_script: Path, library: Any, full: bool, first: bool
) -> None:
    old = {} if first else {f"{number}.png": (number, 50, 100) for number in range(4)}
    for name, colour in old.items():
        library.paint(name, colour)
    if not first:
        library.build()
    disk = Disk() if first else load_disk(library.index)
    # A photo that goes and two shards of new ones.
    new = {**old, **{f"new{number}.png": (number, 150, 100) for number in range(5)}}
    if not first:
        (library.photos / "3.png").unlink()
        del new["3.png"]
    for name, colour in new.items():
        library.paint(name, colour)
    kept = library.expected({name: colour for name, colour in old.items() if name in new})
    calls = trace_run(strace, run_index_script, library)
    carried_on = 0
    states = list(cut_at_every_call(disk, calls))
    for number, (acknowledged, files) in enumerate(states):
        write_folder(library.index, files)
        check_survivors(library, kept, library.expected(new) if acknowledged else None, first)
        if full or number % 25 == 0:
            library.build(shard_rows=SHARD_ROWS)
            assert library.captions() == library.expected(new), number
            library.check()
            carried_on += 1
    assert states[-1][0]
    assert len(states) > 20
    assert carried_on


def check_survivors(
    library: Any, kept: dict[str, str], acknowledged: dict[str, str] | None, first: bool
) -> None:
    try:
        assert verify_index(library.index).damaged == ()
    except IndexNotFoundError:
        assert first
        assert acknowledged is None
        return
    captions = library.captions()
    assert set(kept.values()) <= set(captions.values())
    if acknowledged is not None:
        assert captions == acknowledged


def test_the_model_loses_names_and_bytes_apart_from_each_other() -> None:
    disk = Disk(folders={"/i"}, durable_folders={"/i"})
    apply(disk, "openat", 'AT_FDCWD, "/i/.a.tmp", O_WRONLY|O_CREAT|O_TRUNC, 0666', 3)
    apply(disk, "write", '3, "ab\\0\\"c", 5', 5)
    assert disk.after_cut(lambda: False) == {}
    assert disk.after_cut(lambda: True) == {"/i/.a.tmp": b""}
    with pytest.raises(AssertionError, match="before it was synced"):
        apply(replace(disk, names=dict(disk.names)), "rename", '"/i/.a.tmp", "/i/a"', 0)
    apply(disk, "fsync", "3", 0)
    apply(disk, "rename", '"/i/.a.tmp", "/i/a"', 0)
    assert disk.after_cut(lambda: False) == {}
    assert disk.after_cut(lambda: True) == {"/i/a": b'ab\0"c'}
    apply(disk, "openat", 'AT_FDCWD, "/i", O_RDONLY', 4)
    apply(disk, "fsync", "4", 0)
    assert disk.after_cut(lambda: False) == {"/i/a": b'ab\0"c'}
