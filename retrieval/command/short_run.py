"""For commands that are over in a second. Reads and writes nothing."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def spare_collections() -> Iterator[None]:
    """Look for no garbage, then or at the end of the process: what a short command makes, it needs.

    Python would look through every imported object again and again, a tenth of a cold search.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
