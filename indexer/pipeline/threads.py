"""Shares the cores among what computes at once. Reads and writes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from retrieval.device import count_cores


def half_the_cores() -> int:
    """Threads for a model that computes while others do."""
    return max(1, count_cores() // 2)


@contextmanager
def torch_on_half_the_cores() -> Iterator[None]:
    """What torch computes in this thread, until it is left: the other half is for the stage beside it.

    A thread that computes for the first time meanwhile keeps to half the cores from then on.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(min(before, half_the_cores()))
    try:
        yield
    finally:
        torch.set_num_threads(before)
