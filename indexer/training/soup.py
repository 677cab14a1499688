"""The mean of the weights of several runs that began alike: better than each, and as cheap to use as one.

"Model soups", Wortsman et al. 2022. Reads and writes nothing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def mix(runs: Sequence[dict[str, Tensor]], model: nn.Module) -> None:
    """Give the model the mean of the runs' parameters, which are those of models of its shape.

    Raises:
        ValueError: no run.
    """
    if not runs:
        raise ValueError("found no run, expected at least one to take the mean of")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.stack([run[name] for run in runs]).mean(dim=0))


def copy_parameters(model: nn.Module) -> dict[str, Tensor]:
    """The parameters by name, as they are now."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
