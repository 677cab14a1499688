"""What an evaluation of many queries takes, without the text encoder's own time and memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("evaluate_synthetic.py")


def evaluate_synthetic(folder: Path, photos: int) -> dict[str, float]:
    """The index is written by another process: its memory is not the evaluation's."""
    run_program(folder / "data", str(photos), "5")
    found: dict[str, float] = json.loads(run_program(folder / "data"))
    return found


def run_program(*arguments: str | Path) -> str:
    """METEOR is left out: it runs in a process of its own."""
    command = [sys.executable, PROGRAM, *arguments]
    environment = os.environ | {"PATH": "/nowhere"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
def test_25_000_queries_over_5_000_photos_take_less_than_a_gigabyte(tmp_path: Path) -> None:
    found = evaluate_synthetic(tmp_path, photos=5000)
    assert found["queries"] == 25_000
    # The real text encoder brings some 200 MB that this process does not have.
    assert found["megabytes"] < 700
    assert found["Recall@10"] > 50
