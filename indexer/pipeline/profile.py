"""Where the time of a run went. Reads a clock; writes nothing."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long a stage was at work, of how long the run took, and how fast it would be alone."""

    stage: str
    seconds: float
    share: float
    photos_per_second: float


class Profile:
    """Seconds that each stage was at work. Stages overlap: together they can be more than the run took."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._photos = 0
        self._lock = threading.Lock()
        self._started = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts what is done inside as work of this stage; from any thread."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def timed(self, name: str, work: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The same function, counted as this stage."""

        def call(value: Any) -> Any:
            with self.stage(name):
                return work(value)

        return call

    def add(self, name: str, seconds: float) -> None:
        """Count work of a stage that was measured elsewhere."""
        with self._lock:
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def count(self, photos: int) -> None:
        """Photos that went through all stages."""
        self._photos += photos

    def times(self) -> Sequence[StageTime]:
        """Every stage in the order in which they were first at work, and the run until now, as "all"."""
        whole = time.perf_counter() - self._started
        return [
            StageTime(name, seconds, seconds / whole, self._photos / seconds if seconds else 0.0)
            for name, seconds in [*self._seconds.items(), ("all", whole)]
        ]
