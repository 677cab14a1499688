"""Which processor torch works on, with a GPU and without."""

import pytest

from retrieval.device import Device, pick_torch_device, require_torch_device
from retrieval.errors import UsageError


@pytest.fixture(params=[True, False], ids=["gpu", "no gpu"])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr("torch.cuda.is_available", lambda: request.param)
    return bool(request.param)


def test_a_gpu_is_picked_where_there_is_one_unless_the_cpu_was_asked_for(gpu: bool) -> None:
    picked = [pick_torch_device(device) for device in (Device.AUTO, Device.CUDA, Device.CPU)]
    assert picked == (["cuda", "cuda", "cpu"] if gpu else ["cpu", "cpu", "cpu"])


def test_a_gpu_that_is_required_must_be_there(gpu: bool) -> None:
    assert require_torch_device("cpu") == "cpu"
    assert require_torch_device("auto") == ("cuda" if gpu else "cpu")
    if gpu:
        assert require_torch_device("cuda") == "cuda"
    else:
        with pytest.raises(UsageError, match="no GPU that torch can use"):
            require_torch_device("cuda")
    with pytest.raises(UsageError, match="abacus"):
        require_torch_device("abacus")
