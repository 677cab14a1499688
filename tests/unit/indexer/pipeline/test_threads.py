"""How many threads a library may use is asked of the library itself."""

import pytest
import torch

from indexer.pipeline import threads
from indexer.pipeline.threads import torch_on_half_the_cores


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
