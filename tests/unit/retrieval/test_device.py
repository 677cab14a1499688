"""Which processor torch works on, with a GPU and without, and on how many threads numpy's products."""

import os
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from retrieval.device import (
    Device,
    count_cores,
    one_blas_thread,
    pick_query_device,
    pick_torch_device,
    require_torch_device,
)
from retrieval.errors import UsageError
from tests.blas_threads import count_threads


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


def test_queries_are_encoded_on_a_gpu_only_where_one_is_asked_for_and_one_notice_says_that_there_is_none(
    gpu: bool, caplog: pytest.LogCaptureFixture, unnoted: None
) -> None:
    assert [pick_query_device(device) for device in (Device.AUTO, Device.CPU)] == ["cpu", "cpu"]
    assert caplog.messages == []
    assert [pick_query_device(Device.CUDA) for _ in range(2)] == ["cuda" if gpu else "cpu"] * 2
    said = "queries are encoded on the CPU, not on a GPU as asked: torch sees no GPU"
    assert caplog.messages == ([] if gpu else [said])


@pytest.mark.skipif(not count_threads(), reason="numpy's BLAS is not known")
def test_blas_computes_in_one_thread_until_it_is_left() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = count_threads()
        with one_blas_thread():
            assert count_threads() == {1}
        assert count_threads() == before


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("max 100000", 9),
        ("", 9),
        (None, 9),
    ],
)
def test_a_container_has_as_many_cores_as_its_quota_allows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str | None, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(9)))
    monkeypatch.setattr("retrieval.device._QUOTA", tmp_path / "cpu.max")
    if quota is not None:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert count_cores() == expected
