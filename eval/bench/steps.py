"""What is timed of an engine: building, searching, opening. Each in a process that does nothing else.

Shapes: Q queries, N vectors, D dimensions.
"""

import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.bench.peers.peer import Peer
from retrieval.channels.ann_recall import measure_ann_recall
from retrieval.peak_memory import PeakMemory

K = 10
"""The neighbours that are asked for."""

_ROUNDS, _SECONDS = 5, 5.0


@dataclass(frozen=True, slots=True)
class Built:
    """Seconds that building took, and bytes of memory at its peak, the vectors themselves not read before."""

    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Searched:
    """The effort that was chosen, the share that it finds, and queries per second at that effort."""

    effort: int
    ann_recall: float
    one_per_second: float
    many_per_second: float


@dataclass(frozen=True, slots=True)
class Opened:
    """Seconds from the call that opens to the first answer, and bytes at the peak after all queries."""

    seconds: float
    peak_bytes: int


def build(peer: type[Peer], vectors_ND: np.ndarray, folder: Path) -> Built:
    """Build an index in an empty folder."""
    started = time.perf_counter()
    peer.build(vectors_ND, folder)
    return Built(time.perf_counter() - started, PeakMemory().bytes())


def search(
    peer: type[Peer],
    folder: Path,
    vectors_ND: np.ndarray,
    queries_QD: np.ndarray,
    kth_Q: np.ndarray,
    wanted: float,
) -> Searched:
    """Choose the least effort that finds the share `wanted`, and ask with it, one by one and all at once.

    `kth_Q` are the scores of the exact k-th neighbours.
    """
    opened = peer.open(folder)

    def measure(effort: int) -> float:
        opened.set_effort(effort)
        found_QK = opened.search(queries_QD, K)
        return measure_ann_recall(found_QK, queries_QD, vectors_ND, kth_Q)

    efforts = peer.efforts
    least = efforts[bisect_left(efforts, wanted, hi=len(efforts) - 1, key=measure)]
    found = measure(least)

    def ask_each() -> None:
        for row in range(len(queries_QD)):
            opened.search(queries_QD[row : row + 1], K)

    each, together = _time(ask_each), _time(lambda: opened.search(queries_QD, K))
    return Searched(least, found, len(queries_QD) / each, len(queries_QD) / together)


def open_cold(peer: type[Peer], folder: Path, queries_QD: np.ndarray, effort: int) -> Opened:
    """Open, the packages imported before, and answer; then all queries, for the memory they take."""
    started = time.perf_counter()
    opened = peer.open(folder)
    opened.search(queries_QD[:1], K)
    seconds = time.perf_counter() - started
    opened.set_effort(effort)
    opened.search(queries_QD, K)
    return Opened(seconds, PeakMemory().bytes())


def _time(ask: Callable[[], object]) -> float:
    """Seconds of the fastest of a few rounds: the others were disturbed more."""
    taken = list[float]()
    while len(taken) < _ROUNDS and sum(taken) < _SECONDS:
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
    return min(taken)
