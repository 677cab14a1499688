"""The folder of one training: its config, the log of its passes and their curves. Writes all three."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from indexer.training.curves import draw_curves
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.config import Config
from retrieval.errors import CheckpointError
from retrieval.store.files import write_file

_NAMED = 3
_CAPTIONS = "captions_sha256"


def claim_folder(out: Path, config: Config, dataset: CaptionedDataset, **inputs: str) -> None:
    """Make the folder, or see that it holds the same training; `inputs` are hashes of what else decides it.

    A folder in which nothing was trained yet may get another config.

    Raises:
        CheckpointError: it holds a training with another config, on other photos, captions or inputs, or
            what may be one, or a config.json that is no training's.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "config.json"
    data = {_CAPTIONS: dataset.hash_captions(), "photos_sha256": dataset.hash_photos()}
    wanted = {**data, **inputs, **config.model_dump(mode="json")}
    is_trained = _holds_training(out)
    held = _read_config(path) if is_trained or path.exists() else {}
    if is_trained and (differs := _compare(held, wanted)):
        raise CheckpointError(
            f"{out} holds a training with another config or dataset: {'; '.join(differs[:_NAMED])}; "
            f"name another --out, or delete {out}"
        )
    write_file(path, json.dumps(wanted, indent=2).encode())


def _holds_training(out: Path) -> bool:
    """Whether something was trained in it, or in a folder in it that is no training by itself."""
    inner = [*out.glob("*/state.safetensors"), *out.glob("*/log.jsonl")]
    parts = [path for path in inner if not path.with_name("config.json").exists()]
    return bool(parts) or any(out.glob("*.safetensors")) or (out / "log.jsonl").exists()


def _read_config(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        held = None
    # Whose the folder is then, nobody can say: it is not for us to call it one that may be deleted.
    if not isinstance(held, dict) or _CAPTIONS not in held:
        raise CheckpointError(
            f"found no config of a training in {path}, expected that of what {path.parent} holds; "
            "name another --out"
        )
    return held


def _compare(held: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> list[str]:
    """What differs between two configs, key by key, with both values."""
    differs = []
    for key in held | wanted:
        one, other = held.get(key), wanted.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            differs += _compare(one, other, f"{prefix}{key}.")
        elif one != other:
            differs.append(f"{prefix}{key} is {one!r} there and {other!r} here")
    return differs


def log_passes(passes: Iterable[dict[str, Any]], out: Path, metric: str) -> dict[str, Any]:
    """Write OUT/log.jsonl after each pass and OUT/curves.png after the last; the best pass comes back."""
    log: list[dict[str, Any]] = []
    for entry in passes:
        log.append(entry)
        write_file(out / "log.jsonl", "".join(json.dumps(each) + "\n" for each in log).encode())
    draw_curves(log, metric, out / "curves.png")
    return max(log, key=lambda entry: float(entry[metric]))
