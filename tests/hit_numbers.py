"""The photos that a test numbers, among hits."""

from pathlib import Path
from typing import Any


def numbers(hits: Any) -> list[int]:
    """What their files are called."""
    return [int(Path(hit.path).stem) for hit in hits]
