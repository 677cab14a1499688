"""What the parts of a run take. Reads the clock, writes nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Wall time in seconds: `seconds` since it was made, `stages` by name in the order of their ends."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.stages: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Since the stopwatch was made."""
        return time.monotonic() - self._started

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Add the block's time to `stage`."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.stages[stage] = self.stages.get(stage, 0.0) + time.monotonic() - started
