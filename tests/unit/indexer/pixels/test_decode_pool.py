import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.pixels import decode_pool
from indexer.pixels.decode import decode_photo
from indexer.pixels.decode_pool import DecodePool, DecodeSettings, ReadPhoto, decode_photos
from indexer.pixels.decode_worker import receive_answer
from retrieval.store.files import hash_bytes


def paint_many(folder: Path, count: int) -> list[bytes]:
    paths = [folder / f"{number:02}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.new("RGB", (30, 20), (number, 0, 0)).save(path)
    return [os.fsencode(path) for path in paths]


def children() -> list[int]:
    """The processes that this one has started and not yet waited for."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that ended meanwhile
            found += map(int, (task / "children").read_text().split())
    return found


def everything(_image_id: str) -> bool:
    return True


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")


@needs_proc
def test_decoding_gives_way_to_the_models(folder: Path) -> None:
    before = set(children())
    reads = decode_photos(paint_many(folder, 3), everything, DecodeSettings(size=8))
    next(reads)
    (process,) = set(children()) - before
    here = os.getpriority(os.PRIO_PROCESS, os.getpid())
    assert os.getpriority(os.PRIO_PROCESS, process) == min(here + 5, 19)
    reads.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_photos_come_in_order_whoever_decodes_them(folder: Path, workers: int) -> None:
    paths = paint_many(folder, 20)
    settings = DecodeSettings(size=8, workers=workers, ahead=5)
    reads = list(decode_photos(paths, everything, settings))
    assert [read.path for read in reads] == paths
    for read in reads:
        data = Path(os.fsdecode(read.path)).read_bytes()
        expected = decode_photo(data, 8)
        assert read.photo is not None
        assert (read.image_id, read.bytes, read.reason) == (hash_bytes(data), len(data), None)
        np.testing.assert_array_equal(read.photo.pixels_HWC, expected.pixels_HWC)


@needs_proc
@pytest.mark.parametrize(("workers", "expected"), [(0, 3), (2, 2)])
def test_a_process_for_each_core_decodes_unless_told_otherwise(
    folder: Path, monkeypatch: pytest.MonkeyPatch, workers: int, expected: int
) -> None:
    monkeypatch.setattr(decode_pool, "count_cores", lambda: 3)
    before = set(children())
    reads = decode_photos(paint_many(folder, 20), everything, DecodeSettings(8, workers=workers, ahead=15))
    next(reads)
    started = set(children()) - before
    assert len(started) == expected
    assert [len(os.listdir(f"/proc/{child}/task")) for child in started] == [1] * expected
    reads.close()


@needs_proc
def test_a_pool_decodes_one_list_after_the_other_in_the_same_processes(folder: Path) -> None:
    paths, before = paint_many(folder, 20), set(children())
    pool = DecodePool(DecodeSettings(8, workers=2, ahead=5))
    assert [read.path for read in pool.decode_photos(paths, everything)] == paths
    processes = set(children()) - before
    # Of a list that nobody reads to its end no more is decoded.
    half_read = pool.decode_photos(paths, everything)
    next(half_read)
    half_read.close()
    assert outcomes(list(pool.decode_photos(paths[:3], everything))) == ["decoded"] * 3
    assert (len(processes), set(children()) - before) == (2, processes)
    pool.end()
    assert set(children()) == before


def test_pixels_that_are_not_wanted_are_not_decoded(folder: Path) -> None:
    paths = paint_many(folder, 3)
    wanted = hash_bytes(Path(os.fsdecode(paths[1])).read_bytes())
    reads = list(decode_photos(paths, lambda image_id: image_id == wanted, DecodeSettings(size=8)))
    assert [read.photo is not None for read in reads] == [False, True, False]
    assert [read.reason for read in reads] == [None, None, None]
    assert reads[1].image_id == wanted


def test_failures_are_results(folder: Path) -> None:
    [good] = paint_many(folder, 1)
    (folder / "text.jpg").write_bytes(b"text")
    paths = [os.fsencode(folder / "text.jpg"), os.fsencode(folder / "gone.jpg"), good]
    text, gone, fine = decode_photos(paths, everything, DecodeSettings(size=8))
    assert (text.image_id, text.bytes, text.photo) == (hash_bytes(b"text"), 4, None)
    assert text.reason is not None
    assert text.reason.startswith("not_an_image: ")
    assert (gone.image_id, gone.bytes) == (hash_bytes(paths[1]), 0)
    assert gone.reason == "unreadable: No such file or directory"
    assert fine.photo is not None


def interfere(signal_number: int, with_number: int) -> Callable[[str], bool]:
    """Wants every photo, and sends a signal to the decoding process at one of them.

    Not to processes that were there before.
    """
    before = set(children())
    seen: list[str] = []

    def wanted(image_id: str) -> bool:
        seen.append(image_id)
        if len(seen) == with_number:
            for child in set(children()) - before:
                os.kill(child, signal_number)
        return True

    return wanted


def outcomes(reads: list[ReadPhoto]) -> list[str]:
    return [(read.reason or "decoded").split(":")[0] for read in reads]


@needs_proc
def test_decoder_that_dies_costs_one_photo(folder: Path) -> None:
    paths = paint_many(folder, 5)
    wanted = interfere(signal.SIGKILL, with_number=3)
    reads = list(decode_photos(paths, wanted, DecodeSettings(size=8, ahead=2)))
    assert outcomes(reads) == ["decoded", "decoded", "decoder_crashed", "decoded", "decoded"]
    assert reads[2].image_id == hash_bytes(Path(os.fsdecode(paths[2])).read_bytes())


@needs_proc
def test_decoder_that_hangs_costs_one_photo(folder: Path) -> None:
    paths = paint_many(folder, 4)
    wanted = interfere(signal.SIGSTOP, with_number=2)
    reads = list(decode_photos(paths, wanted, DecodeSettings(size=8, ahead=2, seconds=1.0)))
    assert outcomes(reads) == ["decoded", "timed_out", "decoded", "decoded"]


_UNLIMITED = """
import resource
from indexer.pixels.decode_worker import main
def refuse(what, limits):
    raise {error}("refused")
resource.setrlimit = refuse
main()
"""


@pytest.mark.parametrize("error", ["ValueError", "OSError"])
def test_a_limit_of_memory_that_cannot_be_set_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    monkeypatch.setattr(decode_pool, "_MAIN", _UNLIMITED.format(error=error))
    reads = list(decode_photos(paint_many(folder, 2), everything, DecodeSettings(size=8)))
    assert outcomes(reads) == ["decoded", "decoded"]


# Whatever of an answer is longer comes byte by byte.
_DAWDLER = """
import os, sys, time
from indexer.pixels.decode_worker import main
write = os.write
def dawdle(file, data):
    if len(data) <= {longest}:
        return write(file, data)
    time.sleep(0.02)
    return write(file, data[:1])
os.write = dawdle
main()
"""


@pytest.mark.parametrize("longest", [0, 1000])
def test_an_answer_that_does_not_end_costs_one_photo(
    folder: Path, monkeypatch: pytest.MonkeyPatch, longest: int
) -> None:
    [path] = paint_many(folder, 1)
    monkeypatch.setattr(decode_pool, "_MAIN", _DAWDLER.format(longest=longest))
    [read] = decode_photos([path], everything, DecodeSettings(size=8, seconds=1.0))
    assert read.reason == "timed_out: not decoded after 1 seconds"
    # Identified in time, where it is the pixels that do not come.
    assert (read.stamp is not None) is (longest > 0)


@needs_proc
def test_no_process_outlives_a_reader_that_stops_early(folder: Path) -> None:
    before = children()
    reads = decode_photos(paint_many(folder, 20), everything, DecodeSettings(size=8, workers=2, ahead=4))
    next(reads)
    assert len(children()) > len(before)
    reads.close()
    assert children() == before


def test_no_more_than_asked_are_decoded_ahead(folder: Path) -> None:
    asked: list[str] = []

    def wanted(image_id: str) -> bool:
        asked.append(image_id)
        return True

    reads = decode_photos(paint_many(folder, 20), wanted, DecodeSettings(size=8, ahead=3))
    next(reads)
    time.sleep(0.5)
    assert len(asked) <= 4
    assert len(list(reads)) == 19
    assert len(asked) == 20


def test_no_answer_of_a_decoding_process_is_a_pickle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a pickle was read")

    monkeypatch.setattr("multiprocessing.connection._ForkingPickler.loads", refuse)
    paths = paint_many(folder, 2)
    assert outcomes(list(decode_photos(paths, everything, DecodeSettings(size=8)))) == ["decoded", "decoded"]


def say(connection: Connection, message: bytes) -> None:
    """As a decoding process says what it says, whatever that is."""
    os.write(connection.fileno(), len(message).to_bytes(4, "big") + message)


# Says one thing of the first photo, whatever that is.
_BABBLER = """
import os, sys
from multiprocessing.connection import Connection
from pathlib import Path
connection = Connection(int(sys.argv[1]))
connection.send_bytes(b"ready")
connection.recv_bytes()
message = Path({message!r}).read_bytes()
os.write(connection.fileno(), len(message).to_bytes(4, "big") + message + bytes(3))
connection.recv_bytes()
"""


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x80\x04N.",
        b"{}",
        b"[]",
        b'{"identified": 1, "stamp": [1]}',
        b"x" * 2**17,
        b'{"size": [Infinity, 8, 1], "taken": null, "camera": null, "pixels": [8, 8]}',
        b"[" * 60_000,
        b'{"size": [8, 8, 1], "taken": null, "camera": null, "pixels": [1, 1]}',
    ],
    ids=["nothing", "pickle", "keyless", "list", "short stamp", "too long", "infinite", "deep", "unasked"],
)
def test_process_that_answers_nonsense_counts_as_crashed(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, message: bytes
) -> None:
    (tmp_path / "message").write_bytes(message)
    monkeypatch.setattr(decode_pool, "_MAIN", _BABBLER.format(message=str(tmp_path / "message")))
    [read] = decode_photos(paint_many(folder, 1), everything, DecodeSettings(size=8))
    assert outcomes([read]) == ["decoder_crashed"]


@pytest.mark.parametrize("pixels", [[0, 8], [8, -1], [33, 8], [8, 33], [8], [8, 8, 3], None])
def test_pixels_of_a_size_that_no_photo_has_count_as_a_crash(pixels: object) -> None:
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        photo = {"size": [8, 8, 1], "taken": None, "camera": None, "pixels": pixels}
        say(theirs, json.dumps(photo).encode())
        os.write(theirs.fileno(), bytes(3 * 8 * 8))
        with pytest.raises((ValueError, TypeError)):
            receive_answer(ours, 8, None, 60)


def test_decoding_process_begins_without_what_it_does_not_need() -> None:
    """Each of them would take as much memory again, and longer to begin than the first photos take."""
    heavy = {"torch", "pyarrow", "faiss"}
    program = f"import sys, indexer.pixels.decode_worker; print({heavy} & sys.modules.keys())"
    told = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"
