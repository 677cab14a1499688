"""Which runtime is picked, and what is said where it is not there."""

import pytest

import retrieval.runtime
from retrieval.errors import InstallationError, UsageError
from retrieval.runtime import Runtime, pick_runtimes


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[Runtime]:
    """What counts as installed; tests change it."""
    there = {Runtime.TORCH, Runtime.ONNXRUNTIME, Runtime.OPENVINO}
    monkeypatch.setattr(retrieval.runtime, "is_installed", lambda runtime: runtime in there)
    return there


def test_auto_tries_all_that_are_installed_fastest_first(installed: set[Runtime]) -> None:
    assert pick_runtimes(Runtime.AUTO, "cpu") == (Runtime.OPENVINO, Runtime.ONNXRUNTIME, Runtime.TORCH)
    installed.remove(Runtime.OPENVINO)
    assert pick_runtimes(Runtime.AUTO, "cpu") == (Runtime.ONNXRUNTIME, Runtime.TORCH)


def test_what_is_asked_for_is_the_only_one_tried(installed: set[Runtime]) -> None:
    for runtime in installed:
        assert pick_runtimes(runtime, "cpu") == (runtime,)


def test_a_runtime_that_is_not_installed_is_refused_by_its_package(installed: set[Runtime]) -> None:
    installed.remove(Runtime.OPENVINO)
    with pytest.raises(
        InstallationError, match=r"no package openvino.*-m pip install openvino`.*--runtime auto"
    ):
        pick_runtimes(Runtime.OPENVINO, "cpu")


def test_a_gpu_is_torchs(installed: set[Runtime]) -> None:
    for runtime in (Runtime.AUTO, Runtime.TORCH):
        assert pick_runtimes(runtime, "cuda") == (Runtime.TORCH,)
    with pytest.raises(UsageError, match="onnxruntime on a GPU, expected torch"):
        pick_runtimes(Runtime.ONNXRUNTIME, "cuda")
