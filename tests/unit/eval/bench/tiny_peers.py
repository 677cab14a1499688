"""Engines as small as they can be, which a process of their own imports by name."""

import os
import sys
from pathlib import Path
from typing import Self

import numpy as np


class TinyPeer:
    """Looks at the first `effort` hundredths of the vectors: what it finds is known beforehand."""

    name = "tiny"
    packages = ("numpy",)
    efforts = tuple(range(1, 101))

    def __init__(self, vectors_ND: np.ndarray) -> None:
        self._vectors_ND = vectors_ND
        self.effort = 1

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        sys.stdout.write("an engine may print what it likes\n")
        (folder / "shape").write_text(f"{vectors_ND.shape[1]}")
        (folder / "vectors").write_bytes(np.ascontiguousarray(vectors_ND).tobytes())

    @classmethod
    def open(cls, folder: Path) -> Self:
        flat = np.frombuffer((folder / "vectors").read_bytes(), dtype=np.float32)
        return cls(flat.reshape(-1, int((folder / "shape").read_text())))

    def set_effort(self, effort: int) -> None:
        self.effort = effort

    def search(self, queries_QD: np.ndarray, k: int) -> np.ndarray:
        looked_at = self._vectors_ND[: len(self._vectors_ND) * self.effort // 100]
        found_QK = np.argsort(-(queries_QD @ looked_at.T), axis=1)[:, :k].astype(np.int64)
        return np.pad(found_QK, ((0, 0), (0, k - found_QK.shape[1])), constant_values=-1)


class FailingPeer(TinyPeer):
    """Says something on its way out."""

    name = "failing"

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        raise OSError("the disk is full")


class WaitingPeer(TinyPeer):
    """Says how OpenMP's threads are told to wait."""

    name = "waiting"

    @classmethod
    def build(cls, vectors_ND: np.ndarray, folder: Path) -> None:
        raise OSError(f"told {os.environ.get('GOMP_SPINCOUNT', 'nothing')}")


class GrowingPeer(TinyPeer):
    """Holds a hundred megabytes once it is open."""

    name = "growing"

    @classmethod
    def open(cls, folder: Path) -> Self:
        opened = super().open(folder)
        opened._held = np.ones(100 * 2**20, dtype=np.uint8)
        return opened
