"""How many threads a BLAS may use is asked of the library itself."""

import numpy as np  # noqa: F401  its BLAS must be loaded
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from indexer.blas_threads import one_blas_thread


def count_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.skipif(not count_threads(), reason="numpy's BLAS is not known")
def test_blas_computes_in_one_thread_until_it_is_left() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = count_threads()
        with one_blas_thread():
            assert count_threads() == {1}
        assert count_threads() == before
