"""How malloc keeps memory: that of many threads, and that of one photo after another. Touches no file."""

import contextlib
import ctypes
from collections.abc import Mapping

_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1
_ARENAS = 2
_LARGE = 8 * 2**20
_KEPT = 64 * 2**20


def limit_arenas() -> None:
    """Two arenas for all threads and no large blocks in them, on glibc; call it before there are threads.

    glibc gives threads arenas of their own, up to eight a core, and what one of them has freed the others
    cannot use: stages that hand each other their batches then hold hundreds of megabytes too much. So do the
    holes that batches leave. A large block comes from the system and goes back there, but once one was freed
    glibc takes those of its size from the arenas, unless it was told what is large.
    """
    _set({_M_ARENA_MAX: _ARENAS, _M_MMAP_THRESHOLD: _LARGE})


def keep_freed() -> None:
    """Up to 64 MB of what was freed stays at hand, on glibc.

    The blocks of one photo otherwise go back to the system, which clears them for the next one: a quarter of
    the time that a small photo takes to decode.
    """
    _set({_M_TRIM_THRESHOLD: _KEPT, _M_MMAP_THRESHOLD: _KEPT // 2})


def _set(options: Mapping[int, int]) -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        libc = ctypes.CDLL(None)
        for option, value in options.items():
            libc.mallopt(option, value)
