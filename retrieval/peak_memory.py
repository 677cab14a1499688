"""How much memory a run took at its peak. Reads /proc; elsewhere the process's own resource usage."""

import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

# Where there are a few dozen threads, looking takes half a millisecond, a photo's whole indexing seven.
_SECONDS_BETWEEN = 0.1
_RESET_PEAK = "5"


class PeakMemory:
    """The peak resident bytes of this process, plus (on Linux) those of the processes that it starts.

    `sample` must be called while these run, as often as one likes: it looks ten times a second. The kernel's
    own count of finished children is of no use here: it takes a child's peak to be at least what its parent
    held when it was started.
    """

    def __init__(self) -> None:
        self._children = 0
        self._next_look = 0.0

    def forget(self) -> None:
        """Begin anew, as far as the system can: what was held before no longer counts."""
        self._children = 0
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text(_RESET_PEAK)

    def sample(self, _description: str = "", _done: int = 0, _total: int = 0) -> None:
        """Look at the child processes; has the form of `retrieval.progress.Progress`."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _SECONDS_BETWEEN
        tasks = Path("/proc/self/task").glob("*/children")
        children = sum(_peak_bytes(child) for task in tasks for child in _read(task).split())
        self._children = max(self._children, children)

    def bytes(self) -> int:
        """The peak so far."""
        own = _peak_bytes("self")
        if not own:
            unit = 1 if sys.platform == "darwin" else 1024
            own = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return own + self._children


def _peak_bytes(process: str) -> int:
    for line in _read(Path("/proc", process, "status")).splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
