"""For commands that are over in a second. Reads and writes nothing."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def short_run() -> Iterator[None]:
    """Without what takes most of the time of a short command and is of no use to it."""
    leave_pandas_out()
    with spare_collections():
        yield


def leave_pandas_out() -> None:
    """Let pyarrow find no pandas: where there is one, it imports it with the first array, for half a second.

    It looks once. Whoever imports pandas afterwards gets it.
    """
    import pyarrow as pa

    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _WithoutPandas)
    try:
        pa.array([0]).to_numpy()
    finally:
        sys.meta_path.remove(_WithoutPandas)


class _WithoutPandas:
    """Finds modules as if pandas were not installed."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is left out", name=name)


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
