"""Keeps the memory of a run with many threads from falling into pieces. Reads and writes nothing."""

import contextlib
import ctypes

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
_ARENAS = 2
_LARGE = 8 * 2**20


def limit_arenas() -> None:
    """Two arenas for all threads and no large blocks in them, on glibc; call it before there are threads.

    glibc gives threads arenas of their own, up to eight a core, and what one of them has freed the others
    cannot use: stages that hand each other their batches then hold hundreds of megabytes too much. So do the
    holes that batches leave. A large block comes from the system and goes back there, but once one was freed
    glibc takes those of its size from the arenas, unless it was told what is large.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, _ARENAS)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
