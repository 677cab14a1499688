"""Where a training stands, on disk: as a whole or not at all."""

import errno
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from indexer.training.state import TrainingState
from retrieval.errors import CheckpointError


@pytest.fixture
def state() -> TrainingState:
    """After one step."""
    torch.manual_seed(0)
    model, average = nn.Linear(3, 2), nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = TrainingState(model, average, optimizer)
    state.record({"pass": 1, "score": 0.5}, "score")
    return state


def make_blank() -> TrainingState:
    model = nn.Linear(3, 2)
    return TrainingState(model, nn.Linear(3, 2), torch.optim.AdamW(model.parameters()))


def test_what_was_saved_is_loaded(state: TrainingState, tmp_path: Path) -> None:
    (tmp_path / ".state.safetensors.1.tmp").write_bytes(b"of a run that was killed")
    state.save(tmp_path / "state.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]
    loaded = make_blank()
    loaded.load(tmp_path / "state.safetensors")
    assert loaded.log == state.log
    for one, other in ((loaded.model, state.model), (loaded.average, state.average)):
        assert torch.equal(one.weight, other.weight)
    assert loaded.best.keys() == state.best.keys()
    moments, expected = (each.optimizer.state_dict()["state"][0] for each in (loaded, state))
    assert torch.equal(moments["exp_avg"], expected["exp_avg"])


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"", lambda data: data[:5]])
def test_a_damaged_file_is_named(state: TrainingState, tmp_path: Path, damage) -> None:
    path = tmp_path / "state.safetensors"
    state.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=f"{path} is damaged .*; delete it to train from the beginning"):
        make_blank().load(path)


def test_on_a_full_disk_what_was_saved_before_stays(
    state: TrainingState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.safetensors"
    state.save(path)
    before = path.read_bytes()
    state.record({"pass": 2, "score": 0.6}, "score")

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        state.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
