"""Trainings side by side: reads folders of `retrieve train captioner`, prints a Markdown table."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from safetensors import safe_open

from indexer.image_encoder import Neck
from retrieval.command.python_module import run_as_module
from retrieval.markdown_table import render_markdown_table

_COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "encoder": lambda run: run["encoder"],
    "cell": lambda run: run["cell"],
    "learned weights": lambda run: f"{run['weights'] / 1e6:.2f} M",
    "passes": lambda run: str(len(run["log"])),
    "minutes": lambda run: f"{sum(entry['seconds'] for entry in run['log']) / 60:.1f}",
    "last loss": lambda run: f"{run['log'][-1]['loss']:.2f}",
    "largest gradient norm": lambda run: f"{max(entry['largest_gradient_norm'] for entry in run['log']):.2f}",
    "CIDEr": lambda run: f"{run['best']['CIDEr']:.1f}",
    "R@1 / 5 / 10": lambda run: " / ".join(f"{run['best'][f'Recall@{k}']:.1f}" for k in (1, 5, 10)),
}
_SETTINGS = ("encoder", "cell")


def compare_trainings(folders: Sequence[Path]) -> str:
    """A Markdown table with a line per training; its scores are those of the validation split, in percent.

    Passes and minutes are those of both stages, the scores those of the last one, which made the captioner.
    Of encoder and cell it names what is not the same in all of them.
    """
    runs = [_read(folder) for folder in folders]
    columns = {
        name: [column(run) for run in runs]
        for name, column in _COLUMNS.items()
        if name not in _SETTINGS or len({column(run) for run in runs}) > 1
    }
    return render_markdown_table(list(columns), zip(*columns.values(), strict=True))


def _read(folder: Path) -> dict[str, Any]:
    logs = [folder / "log.jsonl", folder / "self_critical" / "log.jsonl"]
    stages = [_read_log(path) for path in [path for path in logs if path.exists()] or logs[:1]]
    with safe_open(folder / "captioner.safetensors", framework="np") as file:
        weights = sum(file.get_tensor(name).size for name in file.keys())
    config = json.loads((folder / "config.json").read_text())
    encoder = config["image_encoder"] + ("" if config["neck"] == Neck.NONE else f" + {config['neck']}")
    return {
        "encoder": encoder,
        "cell": config["decoder"]["cell"],
        "weights": weights,
        "log": [entry for stage in stages for entry in stage],
        "best": max(stages[-1], key=lambda entry: float(entry["CIDEr"])),
    }


def _read_log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    sys.exit(
        run_as_module(
            "indexer.captioner.training.compare",
            "FOLDER...",
            lambda *folders: typer.echo(compare_trainings([Path(folder) for folder in folders])),
        )
    )
