"""How a training tells how far it is. Reads and writes nothing."""

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[str, int, int], None]
"""Told after every batch: what is going on, steps done, steps in all."""
