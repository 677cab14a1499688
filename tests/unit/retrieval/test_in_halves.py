"""A batch that is too much for a GPU goes through in halves."""

import pytest
import torch

from retrieval.errors import RetrievalError
from retrieval.in_halves import in_halves


@pytest.mark.parametrize(("most", "tried"), [(8, [8]), (4, [8, 4, 4]), (2, [8, 4, 2, 2, 4, 2, 2])])
def test_parts_that_fit_come_back_in_order(most: int, tried: list[int]) -> None:
    sizes = []

    def compute(part: slice) -> list[int]:
        sizes.append(part.stop - part.start)
        if sizes[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return list(range(part.start, part.stop))

    assert in_halves(compute, 0, 8) == list(range(8))
    assert sizes == tried


def test_one_that_does_not_fit_is_refused_in_one_line() -> None:
    def compute(_: slice) -> list[int]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(RetrievalError, match=r"too little GPU memory for one photo.*--device cpu") as refused:
        in_halves(compute, 0, 5)
    assert "\n" not in str(refused.value)
    assert in_halves(lambda part: list(range(part.start, part.stop)), 0, 0) == []
