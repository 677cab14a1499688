"""Keeps numpy's matrix products from taking the cores from the models. Reads and writes nothing."""

from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits


def one_blas_thread() -> AbstractContextManager[object]:
    """One thread for each product of numpy's and scipy's BLAS, in the whole process, until it is left.

    These products are small here. OpenBLAS cuts them up all the same, and its threads then wait in a loop for
    more, on the cores that the models would compute on.
    """
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits
