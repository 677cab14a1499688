"""A checkpoint's weights → the model that its header describes. Reads and writes nothing."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retrieval.checkpoint_file import require_shapes


def copy_weights(
    path: Path, tensors: dict[str, np.ndarray], weights: Mapping[str, Tensor], what: str
) -> None:
    """Copy the tensors of the checkpoint at `path` into a model's weights of the same names.

    Raises:
        CheckpointError: as `require_shapes`.
    """
    require_shapes(path, tensors, {name: tuple(weight.shape) for name, weight in weights.items()}, what)
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(torch.from_numpy(tensors[name]))
