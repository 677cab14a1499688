"""Where a training stands: writes and reads safetensors after every pass, so that a killed run carries on."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from retrieval.errors import CheckpointError
from retrieval.store.files import write_file


class TrainingState:
    """The weights, their moving average and the optimiser, with the log of the passes done so far."""

    def __init__(self, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.model = model
        self.average = average
        self.optimizer = optimizer
        self.log: list[dict[str, Any]] = []
        self.best: dict[str, Tensor] = {}

    @property
    def passes(self) -> int:
        """How many passes are done."""
        return len(self.log)

    def record(self, entry: dict[str, Any], metric: str) -> None:
        """Log one pass; keep a copy of the averaged weights where `metric` is the best so far."""
        if not self.log or entry[metric] > max(each[metric] for each in self.log):
            self.best = copy_parameters(self.average)
        self.log.append(entry)

    def since_best(self, metric: str) -> int:
        """How many passes ago `metric` was best."""
        values = [each[metric] for each in self.log]
        return len(values) - 1 - values.index(max(values)) if values else 0

    def load_best(self) -> None:
        """Put the best averaged weights into `model`."""
        restore_parameters(self.model, self.best)

    def save(self, path: Path) -> None:
        """Write everything to `path`, replacing it in one step.

        Raises:
            OSError: as `write_file`.
        """
        tensors = {f"model.{name}": tensor for name, tensor in _unique(self.model).items()}
        tensors |= {f"average.{name}": tensor for name, tensor in _unique(self.average).items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in values.items()}
        separate = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
        for leftover in path.parent.glob(f".{path.name}.*.tmp"):  # Of a run that was killed in this place.
            leftover.unlink()
        write_file(path, save(separate, metadata={"log": json.dumps(self.log)}))

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises:
            CheckpointError: the file is damaged.
        """
        try:
            with safe_open(path, framework="pt") as file:
                self.log = json.loads(file.metadata()["log"])
            tensors = load_file(path)
        except (SafetensorError, TypeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} is damaged ({error}), expected where an earlier training stands; delete it to train "
                "from the beginning"
            ) from None
        restore_parameters(self.model, _select(tensors, "model."))
        restore_parameters(self.average, _select(tensors, "average."))
        self.best = _select(tensors, "best.")
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _select(tensors, "optimizer.").items():
            number, key = name.split(".")
            state.setdefault(int(number), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})


def copy_parameters(module: nn.Module) -> dict[str, Tensor]:
    """The parameters by name, as they are now."""
    return {name: tensor.clone() for name, tensor in _unique(module).items()}


def restore_parameters(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give the module the parameters that `copy_parameters` gave of it, or of one of its shape."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(tensors[name])


def _unique(module: nn.Module) -> dict[str, Tensor]:
    """Parameters by name, each shared tensor once."""
    return {name: parameter.detach() for name, parameter in module.named_parameters()}


def _select(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
