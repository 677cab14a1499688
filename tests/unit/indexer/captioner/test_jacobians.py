"""‖∂h_t/∂h_0‖ against autograd's Jacobian of the whole recurrence; what makes it vanish, explode or stay."""

import pytest
import torch

from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize, State
from indexer.captioner.training.jacobians import measure_jacobian_norms

SIZE = {"vocabulary": 9, "channels": 6, "features": 5, "hidden": 4, "attention": 3, "embedding": 8}
WORDS = torch.tensor([1, 5, 8, 4, 6, 7])


def make_decoder(cell: Cell) -> AttentionDecoder:
    torch.manual_seed(3)
    return AttentionDecoder(DecoderSize(cell=cell, **SIZE)).double().eval()


@pytest.fixture(name="a_BLD")
def annotations() -> torch.Tensor:
    return torch.randn(1, 9, 6, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("cell", list(Cell))
def test_it_is_the_norm_of_the_jacobian(cell: Cell, a_BLD: torch.Tensor) -> None:
    decoder = make_decoder(cell)
    photos = decoder.annotate(a_BLD)
    begun = decoder.begin(photos, 1)

    def run(h_H: torch.Tensor, steps: int) -> torch.Tensor:
        state = State(h_H.view(1, 1, -1), begun.memory_BKH)
        for word in WORDS[:steps]:
            state = decoder.step(word.view(1, 1), state, photos).state
        return state.h_BKH[0, 0]

    expected = [
        float(
            torch.linalg.matrix_norm(
                torch.autograd.functional.jacobian(
                    lambda h, steps=steps: run(h, steps), begun.h_BKH[0, 0].detach()
                ),
                ord=2,
            )
        )
        for steps in range(len(WORDS) + 1)
    ]
    assert measure_jacobian_norms(decoder, photos, WORDS) == pytest.approx(expected, rel=1e-5)


def without_attention(decoder: AttentionDecoder) -> AttentionDecoder:
    """So that h^(t) depends on h^(0) through the cell alone."""
    with torch.no_grad():
        for weight in (decoder.attention.w_a.weight, decoder.f_beta.weight):
            weight.zero_()
    return decoder


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_simple_cell_vanishes_or_explodes_with_its_matrix(scale: float, a_BLD: torch.Tensor) -> None:
    decoder = without_attention(make_decoder(Cell.SIMPLE))
    with torch.no_grad():
        decoder.cell.weight_hh.copy_(scale * torch.eye(4))
        for part in (
            decoder.cell.weight_ih,
            decoder.cell.bias_ih,
            decoder.cell.bias_hh,
            decoder.initial_h.weight,
        ):
            part.zero_()
        decoder.initial_h.bias.fill_(1e-6)
    norms = measure_jacobian_norms(decoder, decoder.annotate(a_BLD), WORDS)
    assert norms == pytest.approx([scale**t for t in range(7)], rel=1e-3)


def test_a_gru_that_keeps_its_state_neither_vanishes_nor_explodes(a_BLD: torch.Tensor) -> None:
    decoder = without_attention(make_decoder(Cell.GRU))
    with torch.no_grad():
        decoder.cell.bias_ih[4:8].fill_(50)
    norms = measure_jacobian_norms(decoder, decoder.annotate(a_BLD), WORDS)
    assert norms == pytest.approx([1.0] * 7)
