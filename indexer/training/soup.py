"""The mean of the weights of several runs that began alike: better than each, and as cheap to use as one.

"Model soups", Wortsman et al. 2022. Reads and writes nothing.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from indexer.training.state import copy_parameters, restore_parameters


def train_runs(model: nn.Module, runs: int, train: Callable[[int], None]) -> None:
    """Have `train` train the model, by the number of the run, each time from where it stands now.

    In the end it has the mean of what the runs left.
    """
    begun, ended = copy_parameters(model), []
    for number in range(runs):
        restore_parameters(model, begun)
        train(number)
        ended.append(copy_parameters(model))
    mix(ended, model)


def mix(runs: Sequence[dict[str, Tensor]], model: nn.Module) -> None:
    """Give the model the mean of the runs' parameters, which are those of models of its shape.

    Raises:
        ValueError: no run.
    """
    if not runs:
        raise ValueError("found no run, expected at least one to take the mean of")
    restore_parameters(
        model, {name: torch.stack([run[name] for run in runs]).mean(dim=0) for name in runs[0]}
    )
