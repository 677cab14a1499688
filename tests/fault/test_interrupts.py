"""A run that is told to stop: what it did is kept, in time, and said in a line."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from retrieval.generations.verify import verify_index
from retrieval.store.manifest import read_current_line, read_manifest

COMMAND = Path(__file__).with_name("run_command.py")
PHOTOS = 120


@contextmanager
def start(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    # What runs the tests may itself ignore an interrupt, as a background job does; children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_generation(index: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while read_current_line(index) is None:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "index.toml"
    path.write_text("shard_rows = 7\nbatch_photos = 2\n")
    return path


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, "retrieve: interrupted\n"), (signal.SIGTERM, 143, "retrieve: terminated\n")],
)
def test_what_was_done_is_committed_within_ten_seconds(
    library: Any, config: Path, number: signal.Signals, code: int, line: str
) -> None:
    colours = {f"{number:02}.png": (number, 50, 100) for number in range(PHOTOS)}
    for name, colour in colours.items():
        library.paint(name, colour)
    with start("index", library.photos, "--index", library.index, "--config", config) as process:
        wait_for_generation(library.index)
        # Somewhere in the next few shards.
        time.sleep(0.3)
        process.send_signal(number)
        began = time.monotonic()
        out, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert (process.returncode, out) == (code, "")
    assert verify_index(library.index).damaged == ()
    manifest = read_manifest(library.index)
    notice, last = err.splitlines(keepends=True)
    assert last == line
    assert notice.endswith(f"{manifest.photos} photos can be found; the same command carries on\n")
    # The shard in flight is kept as well: at most the batch that was being captioned is lost.
    in_flight = manifest.unfinished.shards if manifest.unfinished else ()
    kept = sum(shard.rows for shard in (*manifest.shards, *in_flight))
    assert 7 <= kept < PHOTOS
    assert manifest.photos == sum(shard.rows for shard in manifest.shards)
    report = library.build()
    assert report.photos == PHOTOS
    assert library.captioner.captioned == PHOTOS - kept
    assert library.captions() == library.expected(colours)
    library.check()


def test_a_folder_is_followed_until_told_to_stop(library: Any, config: Path) -> None:
    library.paint("a.png", (1, 50, 100))
    (library.photos / "broken.png").write_bytes(b"")
    arguments = ("index", library.photos, "--index", library.index, "--config", config, "--watch", "--json")
    with start(*arguments) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        report = json.loads(next(lines))
        assert (report["new"], report["failed"], report["generation"]) == (1, 1, 1)
        library.paint("sub/b.png", (2, 50, 100))
        report = json.loads(next(lines))
        assert (report["new"], report["unchanged"], report["photos"]) == (1, 1, 2)
        (library.photos / "a.png").rename(library.photos / "c.png")
        report = json.loads(next(lines))
        assert (report["new"], report["updated"], report["removed"]) == (0, 1, 0)
        (library.photos / "sub" / "b.png").unlink()
        report = json.loads(next(lines))
        assert (report["removed"], report["photos"]) == (1, 1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (143, "")
    assert err.splitlines()[-1] == "retrieve: terminated"
    assert len(err.splitlines()) == 5
    assert library.captions() == {"c.png": library.caption_of((1, 50, 100))}
    library.check()
