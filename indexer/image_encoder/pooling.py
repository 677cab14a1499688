"""A few numbers of each photo's annotations, in float32. Reads and writes nothing."""

from collections.abc import Callable

import torch
from torch import Tensor

# A whole batch in float32 falls out of the processor's cache, into memory that is new each time.
_PHOTOS_AT_ONCE = 4


def pool_photos(a_BLD: Tensor, pool: Callable[[Tensor], Tensor]) -> Tensor:
    """What `pool` makes of the annotations in float32, which is of each photo on its own: (B, …)."""
    return torch.cat([pool(part.float()) for part in a_BLD.split(_PHOTOS_AT_ONCE)])
