"""What is asked of an engine that is measured beside ours. Each has a folder of its own to write and read.

Shapes: Q queries, N vectors, D dimensions, K neighbours.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np

EFFORTS = tuple(sorted({round(10 * 1.15**step) for step in range(35)}))
"""From 10 to about 1,200, each a seventh more: candidates of a graph, or lists that are looked into."""


class Peer(Protocol):
    """An index of unit vectors in a folder, searched by inner product through the engine's public client."""

    name: ClassVar[str]
    packages: ClassVar[Sequence[str]]
    """What must be installed, as it is imported."""

    efforts: ClassVar[Sequence[int]]
    """Settings of the search, ascending: the higher, the more is found, and the slower. At least one."""

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        """Write an index of float32 (N, D) into an empty folder, durably; a vector's id is its row."""
        ...

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The index that another process built there."""
        ...

    def set_effort(self, effort: int) -> None:
        """Search with one of `efforts` from now on."""
        ...

    def search(self, queries_QD: np.ndarray, k: int) -> np.ndarray:
        """Ids int64 (Q, K) of the nearest of float32 (Q, D), -1 where none was found."""
        ...
