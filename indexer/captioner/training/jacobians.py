"""How far a gradient reaches back through a recurrence. Reads and writes nothing.

Shapes: T words, H hidden units, S numbers of a state, which are H, or 2H with the LSTM's memory.
"""

import torch
from torch import Tensor

from indexer.captioner.decoder import Annotated, AttentionDecoder, State


def measure_jacobian_norms(decoder: AttentionDecoder, photos: Annotated, words_T: Tensor) -> list[float]:
    """‖∂h^(t)/∂h^(0)‖₂, the largest singular value, for t = 0…T of one photo whose caption is these words.

    By the chain rule ∂s^(t)/∂s^(0) = Π_k ∂s^(k)/∂s^(k-1) (Pascanu, Mikolov and Bengio 2013, equation 5), with
    s = h, or [h; c] for the LSTM; the path of h through the attention is part of each factor.
    """
    hidden = decoder.size.hidden
    state = decoder.begin(photos, 1)
    size = hidden if state.memory_BKH is None else 2 * hidden
    jacobian_SS, norms = torch.eye(size, dtype=state.h_BKH.dtype), [1.0]
    for y in words_T:
        state, step_SS = _differentiate(decoder, photos, y, state, size)
        jacobian_SS = step_SS @ jacobian_SS
        norms.append(float(torch.linalg.matrix_norm(jacobian_SS[:hidden, :hidden], ord=2)))
    return norms


@torch.enable_grad()
def _differentiate(
    decoder: AttentionDecoder, photos: Annotated, y: Tensor, state: State, size: int
) -> tuple[State, Tensor]:
    """One step, and the derivative of the state after it by the one before it.

    The step runs on as many copies as a state has numbers; copy k gives the gradient of number k.
    """
    copies = [
        part.detach().expand(1, size, -1).contiguous().requires_grad_() for part in state if part is not None
    ]
    after = decoder.step(
        y.expand(1, size), State(copies[0], copies[1] if len(copies) > 1 else None), photos
    ).state
    parts = [part for part in after if part is not None]
    numbers_SS = torch.cat(parts, dim=-1)[0]
    rows = torch.autograd.grad(numbers_SS.diagonal().sum(), copies)
    one = [part[:, :1].detach() for part in parts]
    return State(one[0], one[1] if len(one) > 1 else None), torch.cat(rows, dim=-1)[0]
