"""Models of the `transformers` library with all their weights. Reads them, or downloads them by name."""

from pathlib import Path
from typing import Any


def load_weights(
    loader: Any, name_or_path: str | Path, offline: bool, **options: Any
) -> tuple[Any, list[str]]:
    """What `loader.from_pretrained` makes, in float32 and of safetensors alone, and which weights it lacks.

    What it lacks is random. Raises what `transformers` raises, which has no exceptions of one tree.
    """
    model, report = loader.from_pretrained(
        name_or_path,
        local_files_only=offline,
        use_safetensors=True,
        dtype="float32",
        output_loading_info=True,
        **options,
    )
    return model, sorted(report["missing_keys"])
