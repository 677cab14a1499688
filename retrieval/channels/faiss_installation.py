"""Which FAISS is installed. Reads the metadata of the installed packages."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from retrieval.errors import InstallationError

_BUILDS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12", "faiss")


@cache
def import_faiss() -> Any:
    """The faiss module, once it is certain that exactly one build of it is installed.

    Raises:
        InstallationError: no build, or two that overwrite each other's files.
    """
    found = [name for name in _BUILDS if _is_installed(name)]
    if not found:
        raise InstallationError(
            "found no FAISS, expected faiss-cpu or faiss-gpu; run `pip install 'retrieve[cpu]'` (or [gpu])"
        )
    if len(found) > 1:
        raise InstallationError(
            f"found {' and '.join(found)}, expected one of them since they overwrite each other; "
            f"run `pip uninstall {' '.join(found)}`, then `pip install 'retrieve[cpu]'` (or [gpu])"
        )
    import faiss

    return faiss


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
