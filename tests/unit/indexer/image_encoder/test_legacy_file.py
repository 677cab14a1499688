"""Old files of torch.save hold what torch reads in them, and nothing in them is unpickled."""

import importlib
import pickle
from pathlib import Path

import pytest
import torch

from indexer.image_encoder.efficientnet_lite import VARIANTS, load_efficientnet_lite
from indexer.image_encoder.legacy_file import read_legacy_file
from retrieval.errors import CheckpointError


def save(path: Path, state: dict[str, torch.Tensor]) -> Path:
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


def small_state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.randn(3, 3, 4, 8, generator=generator).permute(3, 2, 0, 1),
        "norm.bias": torch.randn(300, generator=generator),
        "norm.num_batches_tracked": torch.tensor(2**40),
    }


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0, check_stride=True)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_the_registrys_weights_are_what_torch_reads(name: str) -> None:
    variant = VARIANTS[name]
    path = getattr(importlib.import_module(variant.package), variant.weights_class).get_model_file_path()
    assert_same(read_legacy_file(path), torch.load(path, map_location="cpu", weights_only=True))


def test_any_layout_is_what_torch_saved(tmp_path: Path) -> None:
    assert_same(read_legacy_file(save(tmp_path / "small.pth", small_state())), small_state())


def test_nothing_is_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pickle was read")

    for place in ("pickle.load", "pickle.loads", "pickle.Unpickler", "torch.load"):
        monkeypatch.setattr(place, refuse)
    load_efficientnet_lite("efficientnet-lite0")
    with pytest.raises(AssertionError, match="a pickle was read"):
        pickle.loads(b"")


def test_tensors_that_share_a_storage_are_refused(tmp_path: Path) -> None:
    whole = torch.zeros(6)
    path = save(tmp_path / "shared.pth", {"first": whole[:3], "second": whole[3:]})
    with pytest.raises(CheckpointError, match="does not hold one storage for each tensor"):
        read_legacy_file(path)


def test_a_part_of_a_storage_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "part.pth", {"part": torch.zeros(6)[:3]})
    with pytest.raises(CheckpointError, match="holds part in a storage of another size"):
        read_legacy_file(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data + b"\0", "goes on after its last tensor"),
        (lambda data: data[:-1], "in a storage of another size"),
    ],
)
def test_a_file_that_is_too_long_or_too_short_is_refused(tmp_path: Path, change, message: str) -> None:
    path = save(tmp_path / "small.pth", small_state())
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CheckpointError, match=message):
        read_legacy_file(path)
