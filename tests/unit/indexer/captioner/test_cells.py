"""The three recurrences, each step computed again from its written equations, and how slides write them."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, sigmoid, tanh

from indexer.captioner.decoder import GATES, AttentionDecoder, Cell, DecoderSize, State

SIZE = {"vocabulary": 9, "channels": 6, "features": 5, "hidden": 4, "attention": 3, "embedding": 8}


@dataclass(frozen=True)
class Gate:
    """The weights of one gate or candidate: W and b read x, U and d read h."""

    W: Tensor
    b: Tensor
    U: Tensor
    d: Tensor

    def __call__(self, x: Tensor, h: Tensor) -> Tensor:
        return self.W @ x + self.b + self.U @ h + self.d


def gates_of(cell: torch.nn.Module, number: int) -> list[Gate]:
    parts = (cell.weight_ih, cell.bias_ih, cell.weight_hh, cell.bias_hh)
    return [Gate(*each) for each in zip(*(part.chunk(number) for part in parts), strict=True)]


def simple(cell: torch.nn.Module, x: Tensor, h: Tensor, _c: Tensor | None) -> tuple[Tensor, None]:
    (a,) = gates_of(cell, 1)
    return tanh(a.W @ x + a.b + a.U @ h + a.d), None


def gru(cell: torch.nn.Module, x: Tensor, h: Tensor, _c: Tensor | None) -> tuple[Tensor, None]:
    reset, update, candidate = gates_of(cell, 3)
    r = sigmoid(reset.W @ x + reset.b + reset.U @ h + reset.d)
    z = sigmoid(update.W @ x + update.b + update.U @ h + update.d)
    h_tilde = tanh(candidate.W @ x + candidate.b + r * (candidate.U @ h + candidate.d))
    return (1 - z) * h_tilde + z * h, None


def lstm(cell: torch.nn.Module, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    put_in, forget, candidate, out = gates_of(cell, 4)
    i, f, o = sigmoid(put_in(x, h)), sigmoid(forget(x, h)), sigmoid(out(x, h))
    memory = f * c + i * tanh(candidate(x, h))
    return o * tanh(memory), memory


WRITTEN = {Cell.SIMPLE: simple, Cell.GRU: gru, Cell.LSTM: lstm}


@pytest.fixture(params=list(Cell))
def decoder(request: pytest.FixtureRequest) -> AttentionDecoder:
    torch.manual_seed(1)
    return AttentionDecoder(DecoderSize(cell=request.param, **SIZE)).double().eval()


@torch.no_grad()
def test_every_step_is_the_written_equation(decoder: AttentionDecoder) -> None:
    photos = decoder.annotate(torch.randn(1, 9, 6, dtype=torch.float64))
    state = decoder.begin(photos, 1)
    written = WRITTEN[decoder.size.cell]
    h, c = state.h_BKH[0, 0], None if state.memory_BKH is None else state.memory_BKH[0, 0]
    for word in (1, 5, 8, 4):
        step = decoder.step(torch.tensor([[word]]), state, photos)
        x = torch.cat([step.embedded_BKE[0, 0], step.context_BKF[0, 0]])
        h, c = written(decoder.cell, x, h, c)
        torch.testing.assert_close(step.state.h_BKH[0, 0], h)
        assert (step.state.memory_BKH is None) == (c is None)
        if c is not None:
            torch.testing.assert_close(step.state.memory_BKH[0, 0], c)
        state = step.state


def test_a_cell_has_a_matrix_of_h_for_each_gate_and_its_candidate(decoder: AttentionDecoder) -> None:
    rows, hidden = decoder.cell.weight_hh.shape
    assert rows == GATES[decoder.size.cell] * hidden


def make_gru() -> tuple[torch.nn.GRUCell, Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.nn.GRUCell(3, 4).double(), torch.randn(3).double(), torch.randn(4).double()


@torch.no_grad()
def test_the_update_gate_of_the_slides_is_this_one_with_the_other_sign() -> None:
    """Slides: z ⊙ h̃ + (1 − z) ⊙ h. Their W_z, U_z and biases, negated, are PyTorch's."""
    cell, x, h = make_gru()
    reset, z_of_slides, candidate = gates_of(cell, 3)
    z = sigmoid(z_of_slides(x, h))
    r = sigmoid(reset(x, h))
    h_tilde = tanh(candidate.W @ x + candidate.b + r * (candidate.U @ h + candidate.d))
    slides = z * h_tilde + (1 - z) * h
    assert not torch.allclose(cell(x, h), slides)
    for part in (cell.weight_ih, cell.bias_ih, cell.weight_hh, cell.bias_hh):
        part[len(part) // 3 : 2 * len(part) // 3].neg_()
    torch.testing.assert_close(cell(x, h), slides)


@torch.no_grad()
def test_the_reset_gate_sits_after_the_matrix() -> None:
    """Cho et al.: U(r ⊙ h). PyTorch: r ⊙ (Uh + d). They agree where r is alike in all units and d is 0."""
    cell, x, h = make_gru()
    reset, update, candidate = gates_of(cell, 3)

    def cho(r: Tensor) -> Tensor:
        z = sigmoid(update(x, h))
        return (1 - z) * tanh(candidate.W @ x + candidate.b + candidate.U @ (r * h) + candidate.d) + z * h

    assert not torch.allclose(cell(x, h), cho(sigmoid(reset(x, h))))
    for part in (reset.W, reset.U, reset.d, candidate.d):
        part.zero_()
    reset.b.fill_(0.7)
    torch.testing.assert_close(cell(x, h), cho(sigmoid(reset(x, h))))


@torch.no_grad()
def test_a_gru_that_keeps_everything_carries_its_state_on() -> None:
    """Why it is easier to train: z → 1 makes ∂h_t/∂h_{t−1} the identity, whatever the matrices are."""
    cell, x, h = make_gru()
    gates_of(cell, 3)[1].b.fill_(50)
    torch.testing.assert_close(cell(x, h), h)


@torch.no_grad()
def test_the_lstm_begins_with_a_state_and_a_memory_of_its_own() -> None:
    torch.manual_seed(2)
    decoder = AttentionDecoder(DecoderSize(cell=Cell.LSTM, **SIZE)).eval()
    state = decoder.begin(decoder.annotate(torch.randn(2, 9, 6)), 3)
    assert isinstance(state, State)
    assert state.h_BKH.shape == state.memory_BKH.shape == (2, 3, 4)
    assert not torch.allclose(state.h_BKH, state.memory_BKH)
