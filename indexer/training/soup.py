"""The mean of the weights of several runs that began alike: better than each, and as cheap to use as one.

"Model soups", Wortsman et al. 2022. Reads and writes nothing.
"""

from collections.abc import Callable

import torch
from torch import nn

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
    restore_parameters(model, {name: torch.stack([run[name] for run in ended]).mean(dim=0) for name in begun})
