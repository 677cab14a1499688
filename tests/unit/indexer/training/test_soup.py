"""The mean of several runs' weights."""

import pytest
import torch

from indexer.training.soup import train_runs
from indexer.training.state import copy_parameters, restore_parameters


def test_a_soup_is_the_mean_of_its_runs() -> None:
    model = torch.nn.Linear(2, 1, bias=False)
    runs = [{"weight": torch.tensor([[1.0, 2.0]])}, {"weight": torch.tensor([[3.0, 6.0]])}]
    train_runs(model, 2, lambda number: restore_parameters(model, runs[number]))
    assert model.weight.tolist() == [[2.0, 4.0]]


def test_copied_parameters_stay_as_they_were() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    before = copy_parameters(model)
    kept = float(model.weight.detach())
    restore_parameters(model, {"weight": torch.tensor([[kept + 1]])})
    assert before["weight"].tolist() == [[kept]]


def test_every_run_begins_where_the_first_began() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    begun = float(model.weight.detach())

    def train(number: int) -> None:
        assert float(model.weight.detach()) == begun
        with torch.no_grad():
            model.weight += number + 1

    train_runs(model, 3, train)
    assert float(model.weight.detach()) == pytest.approx(begun + 2)
