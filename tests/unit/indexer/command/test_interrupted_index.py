"""What `retrieve index` says when interrupted, and `retrieve search` of photos that nobody sees yet."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.models import Models
from retrieval.command.main import run
from retrieval.store.lock import writer_lock

WAITING = "5 photos of a run that has not ended wait: where it was stopped, run `retrieve index` again\n"

HOLD = """
import sys, time
from pathlib import Path
from retrieval.store.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def photos(paint: Callable[[str, tuple[int, int, int]], Path]) -> Path:
    paths = [paint(f"{number}.png", (number, 0, 0)) for number in range(8)]
    return paths[0].parent


@pytest.fixture
def models(captioner: Any, word_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> Models:
    """Those that the commands load."""
    models = Models(captioner, word_encoder)
    monkeypatch.setattr("indexer.models.load_models", lambda *_: models)
    monkeypatch.setattr("retrieval.text.lazy_text_encoder.load_text_encoder", lambda *_: word_encoder)
    return models


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def retrieve(
    models: Models, index: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command on that index: (exit code, stdout, stderr)."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = run([*map(str, arguments), "--index", str(index)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def interrupt(
    retrieve: Callable[..., tuple[int, str, str]],
    photos: Path,
    models: Models,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[int, str, str]]:
    """Runs `retrieve index` with shards of so many rows and interrupts it after so many photos."""

    def call(after: int, shard_rows: int, how: BaseException) -> tuple[int, str, str]:
        caption = models.captioner.caption
        captioned: list[int] = []

        def stop(pixels_BHWC: np.ndarray) -> Any:
            if len(captioned) == after:
                raise how
            captioned.append(len(pixels_BHWC))
            return caption(pixels_BHWC)

        config = tmp_path / "index.toml"
        config.write_text(f"shard_rows = {shard_rows}\nbatch_photos = 1\n")
        with monkeypatch.context() as patch:
            patch.setattr(models.captioner, "caption", stop)
            return retrieve("index", photos, "--config", config)

    return call


@pytest.mark.parametrize(
    ("how", "code", "word"), [(KeyboardInterrupt(), 130, "interrupted"), (SystemExit(143), 143, "terminated")]
)
def test_first_run_says_that_what_nobody_sees_is_kept(
    interrupt: Any, retrieve: Any, photos: Path, models: Any, how: BaseException, code: int, word: str
) -> None:
    assert interrupt(5, 100, how) == (
        code,
        "",
        "5 photos are kept for the next run, unseen until then; 0 photos can be found; "
        f"the same command carries on\nretrieve: {word}\n",
    )
    models.captioner.batches.clear()
    assert retrieve("index", photos)[0] == 0
    assert models.captioner.captioned == 3
    assert " 8 photos" in retrieve("search", "photo")[2]


def test_run_that_has_published_says_what_can_be_found(interrupt: Any) -> None:
    _, _, err = interrupt(5, 3, KeyboardInterrupt())
    assert err.startswith("2 photos are kept for the next run, unseen until then; 3 photos can be found;")
    _, _, err = interrupt(1, 1, KeyboardInterrupt())
    assert err == "6 photos can be found; the same command carries on\nretrieve: interrupted\n"


def test_run_that_kept_nothing_says_nothing_of_it(interrupt: Any) -> None:
    assert interrupt(0, 3, KeyboardInterrupt()) == (130, "", "retrieve: interrupted\n")


def test_run_beside_another_does_not_speak_of_what_that_one_keeps(
    interrupt: Any, retrieve: Any, photos: Path, index: Path
) -> None:
    interrupt(5, 100, KeyboardInterrupt())
    with writer_lock(index):
        code, out, err = retrieve("index", photos)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "is being written by process" in err


def test_run_beside_another_is_refused_before_it_looks_at_anything(
    retrieve: Any, photos: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("looked at first")

    monkeypatch.setattr("indexer.updating.unchanged.find_unchanged", refuse)
    monkeypatch.setattr("indexer.models.load_models", refuse)
    command = [sys.executable, "-c", HOLD, str(index)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        try:
            assert other.stdout.readline() == "held\n"
            seconds, answers = [], set()
            for _ in range(3):  # The first time, what it needs may still have to be imported.
                started = time.monotonic()
                answers.add(retrieve("index", photos))
                seconds.append(time.monotonic() - started)
        finally:
            other.kill()
    assert min(seconds) < 1
    [(code, out, err)] = answers
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"is being written by process {other.pid}, expected no other writer; wait for it to end" in err


def test_search_of_an_index_without_photos_says_that_some_wait(interrupt: Any, retrieve: Any) -> None:
    interrupt(5, 100, KeyboardInterrupt())
    code, out, err = retrieve("search", "photo")
    assert (code, out) == (0, "")
    assert err.startswith("0 of 0 photos in ")
    assert err.endswith(f" s\n{WAITING}")
    code, out, err = retrieve("search", "photo", "--json")
    assert (code, err) == (0, WAITING)
    assert list(json.loads(out)) == ["query", "hits", "generation", "seconds", "matches_well"]


def test_search_that_has_photos_tells_of_those_that_wait(interrupt: Any, retrieve: Any) -> None:
    interrupt(5, 3, KeyboardInterrupt())
    _, _, err = retrieve("search", "photo")
    assert err.startswith("3 of 3 photos in ")
    assert "\n2 photos of a run that has not ended wait: " in err


def test_search_of_an_empty_index_speaks_of_no_run(retrieve: Any, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert retrieve("index", tmp_path / "nothing")[0] == 0
    assert "wait" not in retrieve("search", "photo")[2]


def test_failures_alike_are_one_line_and_hide_no_other(
    retrieve: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    folder = tmp_path / "failing"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(b"")
    (folder / "note.jpg").write_bytes(b"no photo")
    (folder / "film.mov").write_bytes(b"")
    _, _, err = retrieve("index", folder)
    assert err.splitlines() == [
        f"not indexed: {folder}/0.jpg and 4 others: empty_file: the file has no bytes",
        f"not indexed: {folder}/note.jpg: not_an_image: none of JPEG, PNG, WEBP, BMP, GIF, TIFF, AVIF",
        "not indexed: 4 that are not named here; see `retrieve info --failures`",
        "passed over, as they are not read: 1 .mov",
    ]


def test_a_file_in_the_place_of_the_index_is_refused(retrieve: Any, photos: Path, index: Path) -> None:
    index.write_text("Dear diary")
    code, out, err = retrieve("index", photos)
    assert (code, out) == (1, "")
    assert err == f"retrieve: error: found a file at {index}, expected a folder; choose another folder\n"
    assert index.read_text() == "Dear diary"


def test_a_full_disk_is_said_with_what_to_do(
    retrieve: Callable[..., tuple[int, str, str]], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("indexer.updating.index_writer.write_shard", fill)
    code, _, err = retrieve("index", photos)
    assert code == 1
    assert err.endswith("; free some space or mend the disk, and run again\n")
    assert "found [Errno 28] No space left on device, expected to read photos and to write " in err
