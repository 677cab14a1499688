"""Keeps the memory of a run with many threads from falling into pieces. Reads and writes nothing."""

import contextlib
import ctypes

_M_ARENA_MAX = -8
_ARENAS = 2


def limit_arenas() -> None:
    """Two arenas for all threads, where malloc is glibc's; call it before there are threads.

    glibc gives threads arenas of their own, up to eight a core, and what one of them has freed the others
    cannot use: stages that hand each other their batches then hold hundreds of megabytes too much.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
