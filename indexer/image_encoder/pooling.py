"""A few numbers of each photo's annotations, in float32. Reads and writes nothing."""

from collections.abc import Callable

import torch
from torch import Tensor

# On the CPU a whole batch in float32 falls out of the cache, into memory that is new each time.
_PHOTOS_AT_ONCE = 4


def pool_photos(a_BLD: Tensor, pool: Callable[[Tensor], Tensor]) -> Tensor:
    """What `pool` makes of the annotations in float32, which is of each photo on its own: (B, …)."""
    parts = a_BLD.split(_PHOTOS_AT_ONCE) if a_BLD.device.type == "cpu" else (a_BLD,)
    return torch.cat([pool(part.float()) for part in parts])
