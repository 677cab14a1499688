"""The table of trainings side by side: a line per folder, with the scores of its best pass."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from indexer.captioner.training.compare import compare_trainings


def write_training(folder: Path, cell: str, scores: list[float], neck: str = "none") -> Path:
    folder.mkdir()
    config = {"image_encoder": "a-net", "neck": neck, "decoder": {"cell": cell}}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"a": torch.zeros(1000, 500), "b": torch.zeros(10)}, folder / "captioner.safetensors")
    log = [
        {
            "loss": 4.0 - number,
            "seconds": 90.0,
            "largest_gradient_norm": 1.5 + number,
            "CIDEr": score,
            **{f"Recall@{k}": score / k for k in (1, 5, 10)},
        }
        for number, score in enumerate(scores)
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
    return folder


def add_stage(training: Path, scores: list[float]) -> Path:
    """A self-critical stage, with the log that a training of these scores has."""
    other = write_training(training.with_name("other"), "gru", scores)
    (training / "self_critical").mkdir()
    (other / "log.jsonl").rename(training / "self_critical" / "log.jsonl")
    return training


def test_each_training_is_a_line_with_its_best_scores(tmp_path: Path) -> None:
    folders = [
        write_training(tmp_path / "one", "gru", [20.0, 30.0, 25.0]),
        write_training(tmp_path / "two", "lstm", [10.0]),
    ]
    header, ruler, gru, lstm = compare_trainings(folders).splitlines()
    assert header.startswith("| cell | learned weights | passes | minutes |")
    assert ruler.count("---") == header.count("|") - 1
    assert gru == "| gru | 0.50 M | 3 | 4.5 | 2.00 | 3.50 | 30.0 | 30.0 / 6.0 / 3.0 |"
    assert lstm == "| lstm | 0.50 M | 1 | 1.5 | 4.00 | 1.50 | 10.0 | 10.0 / 2.0 / 1.0 |"


def test_of_two_stages_the_scores_are_the_last_ones(tmp_path: Path) -> None:
    training = add_stage(write_training(tmp_path / "one", "gru", [20.0, 90.0]), [50.0, 60.0, 40.0])
    row = compare_trainings([training]).splitlines()[2]
    assert row == "| 0.50 M | 5 | 7.5 | 2.00 | 3.50 | 60.0 | 60.0 / 12.0 / 6.0 |"
    (training / "log.jsonl").unlink()  # As where it began with a captioner that was there.
    row = compare_trainings([training]).splitlines()[2]
    assert row == "| 0.50 M | 3 | 4.5 | 2.00 | 3.50 | 60.0 | 60.0 / 12.0 / 6.0 |"


@pytest.mark.parametrize(
    ("folders", "code", "said"),
    [((), 2, "usage: python -m "), (("nothing", "nowhere"), 1, "error: "), (("one", "one"), 0, "")],
)
def test_as_a_module_it_takes_folders_and_says_in_one_line_what_is_wrong(
    tmp_path: Path, folders: tuple[str, ...], code: int, said: str
) -> None:
    write_training(tmp_path / "one", "gru", [20.0])
    command = [sys.executable, "-m", "indexer.captioner.training.compare", *folders]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (code, bool(said))
    assert done.stderr.startswith(said)


def test_encoders_are_named_where_they_differ(tmp_path: Path) -> None:
    folders = [
        write_training(tmp_path / "one", "gru", [20.0]),
        write_training(tmp_path / "two", "gru", [10.0], neck="hourglass"),
    ]
    header, _, plain, necked = compare_trainings(folders).splitlines()
    assert header.startswith("| encoder | learned weights |")
    assert plain.startswith("| a-net | 0.50 M |")
    assert necked.startswith("| a-net + hourglass | 0.50 M |")
