"""Which FAISS is installed, and how many threads it takes. Reads the metadata of the installed packages."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from retrieval.errors import InstallationError
from retrieval.installing import how_to_install, how_to_uninstall

_BUILDS = (
    "faiss-cpu",
    "faiss-gpu",
    "faiss-gpu-cu11",
    "faiss-gpu-cu12",
    "faiss-gpu-cuvs",
    "faiss-gpu-cu12-cuvs",
    "faiss-gpu-cu13-cuvs",
    "faiss-cuda",
    "faiss",
)


@cache
def import_faiss() -> Any:
    """The faiss module, once it is certain that there are not two builds of it.

    Raises:
        InstallationError: no build, or two that overwrite each other's files.
    """
    found = [name for name in _BUILDS if _is_installed(name)]
    if len(found) > 1:
        raise InstallationError(
            f"found {' and '.join(found)}, expected one of them since they overwrite each other; "
            f"run `{how_to_uninstall(*found)}`, then `{how_to_install('faiss-cpu')}` (or faiss-gpu)"
        )
    try:
        import faiss
    except ModuleNotFoundError:
        raise InstallationError(
            "found no FAISS, expected faiss-cpu or faiss-gpu; "
            f"run `{how_to_install('faiss-cpu')}` (or faiss-gpu)"
        ) from None
    # Its threads are not there in a forked process, which would wait for them for good.
    os.register_at_fork(after_in_child=partial(faiss.omp_set_num_threads, 1))
    return faiss


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


@contextmanager
def one_thread() -> Iterator[None]:
    """FAISS on one thread for the block: the same graph and lists each time, and latencies that compare."""
    faiss = import_faiss()
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
