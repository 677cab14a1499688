"""A GPU with little memory, which a test has to make do without one."""

from collections.abc import Callable
from typing import Any

import torch


def hold_at_most(most: int, compute: Callable[..., Any], count: Callable[..., int]) -> Callable[..., Any]:
    """`compute`, out of memory where its arguments are more than so many things, as `count` counts them."""

    def hold(*arguments: Any, **named: Any) -> Any:
        if count(*arguments, **named) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(*arguments, **named)

    return hold


def count_pixels(*, pixel_values: torch.Tensor, **_: Any) -> int:
    """How many photos a model of transformers is given."""
    return len(pixel_values)
