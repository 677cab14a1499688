"""The hourglass neck and the HRNet-style trunk: shapes, sums, and gradients that reach everything."""

import pytest
import torch
from torch import nn

from indexer.image_encoder import ImageEncoder, Neck, load_image_encoder
from indexer.image_encoder.hourglass import HourglassNeck
from indexer.image_encoder.hrnet import Exchange, HighResolutionTrunk
from indexer.image_encoder.residual import enlarge

ENCODERS = [
    # name, neck, grid, annotation channels
    ("efficientnet-lite0", Neck.HOURGLASS, (14, 14), 256),
    ("hrnet", Neck.NONE, (16, 16), 256),
    ("hrnet", Neck.HOURGLASS, (16, 16), 256),
    ("resnet", Neck.NONE, (6, 6), 256),
    ("resnet", Neck.HOURGLASS, (12, 12), 256),
]


def look(encoder: ImageEncoder, photos: int = 2) -> torch.Tensor:
    size = encoder.image_size
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (photos, size, size, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(("name", "neck", "grid", "channels"), ENCODERS)
def test_annotations_lie_on_the_grid_and_every_learned_weight_gets_a_gradient(
    name: str, neck: Neck, grid: tuple[int, int], channels: int
) -> None:
    torch.manual_seed(0)
    encoder = load_image_encoder(name, neck)
    pixels_BSSC = look(encoder)
    a_BLD = encoder(pixels_BSSC)
    assert (encoder.grid, encoder.channels) == (grid, channels)
    assert a_BLD.shape == (2, grid[0] * grid[1], channels)
    a_BLD.square().mean().backward()
    for weight_name, weight in encoder.trainable.named_parameters():
        assert weight.grad is not None, weight_name
        assert weight.grad.abs().max() > 0, weight_name
    assert all(weight.grad is None for weight in encoder.trunk.parameters()) or name == "efficientnet-lite0"


@torch.no_grad()
def test_a_photo_alone_gives_what_it_gives_among_others() -> None:
    for name, neck, *_ in ENCODERS:
        encoder = load_image_encoder(name, neck)
        pixels_BSSC = look(encoder, photos=3)
        torch.testing.assert_close(encoder(pixels_BSSC)[1:2], encoder(pixels_BSSC[1:2]), rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_the_same_seed_gives_the_same_weights() -> None:
    def build(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        return load_image_encoder("hrnet", Neck.HOURGLASS).trainable.state_dict()

    first, again, other = build(1), build(1), build(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@torch.no_grad()
def test_the_hourglass_is_the_written_recursion() -> None:
    torch.manual_seed(0)
    neck = HourglassNeck([6, 10], width=32)
    fine, coarse = torch.randn(2, 6, 8, 8), torch.randn(2, 10, 4, 4)
    below = neck.bottom(nn.functional.max_pool2d(neck.skips[1](coarse), 2))
    middle = neck.blocks[1](neck.skips[1](coarse) + enlarge(below, (4, 4)))
    expected = neck.blocks[0](neck.skips[0](fine) + enlarge(middle, (8, 8)))
    torch.testing.assert_close(neck([fine, coarse]), expected)


def test_the_hourglass_is_as_fine_as_its_finest_map_and_sees_the_whole_photo() -> None:
    torch.manual_seed(0)
    neck = HourglassNeck([6, 10], width=32)
    fine, coarse = torch.randn(1, 6, 9, 9, requires_grad=True), torch.randn(1, 10, 5, 5, requires_grad=True)
    annotations = neck([fine, coarse])
    assert annotations.shape == (1, 32, 9, 9)
    annotations[0, :, 0, 0].sum().backward()
    fine_HW, coarse_HW = (x.grad.abs().sum(dim=(0, 1)) for x in (fine, coarse))
    assert fine_HW[0, 0] > 0
    assert coarse_HW[4, 4] > 0


def test_an_exchange_brings_every_stream_to_every_other() -> None:
    torch.manual_seed(0)
    exchange = Exchange((8, 16, 32))
    shapes = [(8, 12, 12), (16, 6, 6), (32, 3, 3)]
    streams = [torch.randn(1, *shape, requires_grad=True) for shape in shapes]
    mixed = exchange(streams)
    assert [tuple(stream.shape[1:]) for stream in mixed] == shapes
    for target in mixed:
        gradients = torch.autograd.grad(target.sum(), streams, retain_graph=True)
        assert all(gradient.abs().max() > 0 for gradient in gradients)


@torch.no_grad()
def test_an_exchange_sums_and_leaves_a_stream_its_own_part() -> None:
    exchange = Exchange((8, 16))
    fine, coarse = torch.rand(1, 8, 8, 8), torch.rand(1, 16, 4, 4)
    path = exchange.paths[0][1]
    torch.testing.assert_close(exchange([fine, coarse])[0], (fine + enlarge(path(coarse), (8, 8))).relu())


@torch.no_grad()
def test_the_trunk_keeps_an_eighth_of_any_size() -> None:
    trunk = HighResolutionTrunk()
    assert trunk(torch.zeros(1, 3, 96, 64)).shape == (1, 256, 12, 8)
    assert trunk(torch.zeros(1, 3, 100, 70)).shape == (1, 256, 13, 9)
