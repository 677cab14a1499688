"""How fast an index answers, on one thread. Queries in, seconds out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Answer = TypeVar("Answer")

_QUANTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Speed:
    """Latency of one query at a time in milliseconds, and queries per second with all handed in at once."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    queries_per_second: float


def measure_speed(search: Callable[[np.ndarray], Answer], queries_QD: np.ndarray) -> tuple[Speed, Answer]:
    """Time `search` on each query alone, then on all of them together; what it says to all comes back."""
    search(queries_QD[:1])
    latencies = []
    for row in range(len(queries_QD)):
        started = time.perf_counter()
        search(queries_QD[row : row + 1])
        latencies.append(1000 * (time.perf_counter() - started))
    started = time.perf_counter()
    answer = search(queries_QD)
    together = time.perf_counter() - started
    p50, p95, p99 = (float(value) for value in np.percentile(latencies, _QUANTILES))
    return Speed(p50, p95, p99, len(queries_QD) / max(together, 1e-9)), answer
