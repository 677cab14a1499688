"""How many threads a library may use is asked of the library itself."""

import numpy as np  # noqa: F401  its BLAS must be loaded
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from indexer import threads
from indexer.threads import one_blas_thread, torch_on_half_the_cores


def count_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.skipif(not count_threads(), reason="numpy's BLAS is not known")
def test_blas_computes_in_one_thread_until_it_is_left() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = count_threads()
        with one_blas_thread():
            assert count_threads() == {1}
        assert count_threads() == before


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (5, 2), (64, 4)])
def test_torch_computes_on_half_the_cores_and_on_no_more_than_before(
    monkeypatch: pytest.MonkeyPatch, cores: int, expected: int
) -> None:
    monkeypatch.setattr(threads, "count_cores", lambda: cores)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with torch_on_half_the_cores():
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
