"""Shares the cores among what computes at once. Reads and writes nothing."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from threadpoolctl import threadpool_limits

from retrieval.device import count_cores


def one_blas_thread() -> AbstractContextManager[object]:
    """One thread for each product of numpy's and scipy's BLAS, in the whole process, until it is left.

    These products are small here. OpenBLAS cuts them up all the same, and its threads then wait in a loop for
    more, on the cores that the models would compute on. A BLAS that is loaded later is not told.
    """
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


def half_the_cores() -> int:
    """Threads for a model that computes while others do."""
    return max(1, count_cores() // 2)


@contextmanager
def torch_on_half_the_cores() -> Iterator[None]:
    """What torch computes in this thread, until it is left: its threads too wait for each other in a loop.

    A thread that computes for the first time meanwhile keeps to half the cores from then on.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(min(before, half_the_cores()))
    try:
        yield
    finally:
        torch.set_num_threads(before)
