"""Models by name: from the cache that the hub's programs keep, or else from the hub. Writes that cache."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def load_cached_first(name_or_path: str, load: Callable[[bool], T]) -> T:
    """What `load` makes of the model of that name or in that folder; it is told whether to stay offline.

    The hub is asked once whether it has the model, before `load` would try again and again to reach it.

    Raises:
        OSError: neither the cache nor the hub has it; or it is in a folder, of which `load` raises that.
    """
    from huggingface_hub import model_info

    try:
        return load(True)
    except OSError:
        if Path(name_or_path).is_dir():
            raise
    try:
        model_info(name_or_path)
    # The library that it uses for HTTP has exceptions of its own.
    except Exception as error:
        raise OSError(f"it is neither on this disk nor found on the model hub: {error}") from None
    return load(False)
