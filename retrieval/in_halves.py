"""A batch that does not fit into a GPU's memory, in parts that do. Reads and writes nothing."""

from collections.abc import Callable
from typing import TypeVar

from retrieval.errors import RetrievalError

T = TypeVar("T")


def in_halves(compute: Callable[[slice], list[T]], start: int, stop: int, what: str = "photo") -> list[T]:
    """What `compute` gives for start to stop; where that is too much memory, for one half after the other.

    `what` each of them is called.

    Raises:
        RetrievalError: one alone is too much.
    """
    import torch

    try:
        return compute(slice(start, stop))
    except torch.OutOfMemoryError:
        if stop - start < 2:
            raise RetrievalError(
                f"found too little GPU memory for one {what}, expected a few hundred megabytes; close what "
                "else uses the GPU, or use --device cpu"
            ) from None
    # Outside the handler, whose traceback would hold on to the memory of what failed.
    torch.cuda.empty_cache()
    middle = (start + stop) // 2
    return [*in_halves(compute, start, middle, what), *in_halves(compute, middle, stop, what)]
