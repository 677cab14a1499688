"""How long work tells how far it is. Reads nothing, writes nothing."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told (what is being done, how many are done, how many in all)."""


def no_progress(description: str, done: int, total: int) -> None:
    """Tells nobody."""
