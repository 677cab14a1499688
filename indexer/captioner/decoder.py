"""The decoder: annotations and the words so far in, the next word's logits and attention out.

Shapes: B photos, K captions of each (references, beams or samples), T words, L locations, D channels of an
annotation, F features of φ, H hidden units, E embedding size, V words in the vocabulary,
N of them that may come next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import torch
from torch import Tensor, nn

from indexer.captioner.attention import AdditiveAttention
from indexer.captioner.vocabulary import END, NEVER_SAID, PAD


class Cell(StrEnum):
    """The recurrence of h^(t) = RNN(x_t, h^(t-1)), with x_t = [embed(y_{t-1}); C_t].

    Written with a = Wx_t + b and u = Uh^(t-1) + d, one of each per gate; ⊙ multiplies unit by unit.

    - simple: h^(t) = tanh(a + u).
    - GRU: r = σ(a_r + u_r), z = σ(a_z + u_z), h̃ = tanh(a_h + r ⊙ u_h), h^(t) = (1 − z) ⊙ h̃ + z ⊙ h^(t-1).
      Slides often write z ⊙ h̃ + (1 − z) ⊙ h^(t-1): their z is 1 − this one, the same gate with all its
      weights of the other sign. Their reset gate may sit before the matrix, h̃ = tanh(Wx_t + U(r ⊙ h^(t-1))),
      as in Cho et al. 2014; here it sits after it, as in cuDNN, so that one product with h^(t-1) does.
    - LSTM: i = σ(a_i + u_i), f = σ(a_f + u_f), o = σ(a_o + u_o), c̃ = tanh(a_c + u_c),
      c^(t) = f ⊙ c^(t-1) + i ⊙ c̃, h^(t) = o ⊙ tanh(c^(t)).
    """

    SIMPLE = "simple"
    GRU = "gru"
    LSTM = "lstm"


GATES = {Cell.SIMPLE: 1, Cell.GRU: 3, Cell.LSTM: 4}  # and the candidate: matrices of h^(t-1) in a cell

_CELLS: dict[Cell, Callable[[int, int], nn.Module]] = {
    Cell.SIMPLE: nn.RNNCell,
    Cell.GRU: nn.GRUCell,
    Cell.LSTM: nn.LSTMCell,
}


@dataclass(frozen=True, slots=True)
class DecoderSize:
    """Everything that decides the shapes of a decoder's weights."""

    cell: Cell
    vocabulary: int
    channels: int
    features: int
    hidden: int
    attention: int
    embedding: int


class Annotated(NamedTuple):
    """What the decoder reads of the photos at every step: φ and its attention keys."""

    phi_BLF: Tensor
    keys_BLA: Tensor


class State(NamedTuple):
    """What the decoder remembers between words; `memory_BKH` is the LSTM's cell state, else None."""

    h_BKH: Tensor
    memory_BKH: Tensor | None

    def map(self, change: Callable[[Tensor], Tensor]) -> "State":
        """The state after the same change to all that it holds."""
        return State(change(self.h_BKH), None if self.memory_BKH is None else change(self.memory_BKH))


class Step(NamedTuple):
    """What one step yields: the next state, and what the next word's logits are computed from."""

    state: State
    context_BKF: Tensor
    embedded_BKE: Tensor
    alpha_BKL: Tensor


class NextWords(NamedTuple):
    """The next state, where each caption looked, its N likeliest next words, the likeliest first, and END.

    Log-probabilities are in nats, float32, over the words that are ever said.
    """

    state: State
    alpha_BKL: Tensor
    words_BKN: Tensor
    logprob_BKN: Tensor
    end_BK: Tensor


class AttentionDecoder(nn.Module):
    """Show, Attend and Tell (Xu et al. 2015) over a learned projection φ_j = ReLU(LayerNorm(W_φ a_j)).

    h^(0) comes from the mean of φ (section 3.1.2); the context is gated by β_t = σ(f_β(h^(t-1)))
    (section 4.2.1); p(y_t) = softmax(fc2(tanh(fc1([h^(t); C_t; embed(y_{t-1})])))), where fc2 shares its
    weights with the embedding (Press and Wolf 2017).
    """

    never_said_V: Tensor

    def __init__(self, size: DecoderSize, dropout: float = 0.0) -> None:
        super().__init__()
        self.size = size
        self.w_phi = nn.Linear(size.channels, size.features)
        self.norm_phi = nn.LayerNorm(size.features)
        self.attention = AdditiveAttention(size.hidden, size.features, size.attention)
        self.initial_h = nn.Linear(size.features, size.hidden)
        self.initial_memory = nn.Linear(size.features, size.hidden) if size.cell is Cell.LSTM else None
        self.f_beta = nn.Linear(size.hidden, size.features)
        self.embed = nn.Embedding(size.vocabulary, size.embedding, padding_idx=PAD)
        self.cell = _CELLS[size.cell](size.embedding + size.features, size.hidden)
        self.fc1 = nn.Linear(size.hidden + size.features + size.embedding, size.embedding)
        self.fc2 = nn.Linear(size.embedding, size.vocabulary)
        self.dropout = nn.Dropout(dropout)
        never_said_V = torch.zeros(size.vocabulary, dtype=torch.bool)
        never_said_V[NEVER_SAID] = True
        self.register_buffer("never_said_V", never_said_V, persistent=False)
        nn.init.normal_(self.embed.weight, std=size.embedding**-0.5)
        self.fc2.weight = self.embed.weight

    def annotate(self, a_BLD: Tensor) -> Annotated:
        """Annotations → φ and U_a φ, once per photo."""
        phi_BLF = self.dropout(self.norm_phi(self.w_phi(a_BLD)).relu())
        return Annotated(phi_BLF, self.attention.keys(phi_BLF))

    def begin(self, photos: Annotated, captions: int) -> State:
        """h^(0) = tanh(f_init(mean_j φ_j)), repeated for `captions` captions of each photo."""
        # As a product: of bfloat16, torch copies the whole φ to float32 for its mean.
        ones_1L = photos.phi_BLF.new_ones(1, photos.phi_BLF.shape[1])
        mean_B1F = ones_1L @ photos.phi_BLF / photos.phi_BLF.shape[1]
        h_BKH = self.initial_h(mean_B1F).tanh().expand(-1, captions, -1)
        if self.initial_memory is None:
            return State(h_BKH, None)
        return State(h_BKH, self.initial_memory(mean_B1F).tanh().expand(-1, captions, -1))

    def step(self, y_BK: Tensor, state: State, photos: Annotated) -> Step:
        """Read word y_{t-1}, attend, and move to h^(t). The only decode step there is."""
        context_BKF, alpha_BKL = self.attention(state.h_BKH, *photos)
        context_BKF = self.f_beta(state.h_BKH).sigmoid() * context_BKF
        embedded_BKE = self.dropout(self.embed(y_BK))
        x = torch.cat([embedded_BKE.to(context_BKF.dtype), context_BKF], dim=-1)
        return Step(self._recur(x, state), context_BKF, embedded_BKE, alpha_BKL)

    def logits(self, h: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """Unnormalised log p(y_t) (..., V) from h^(t) (..., H), C_t (..., F), embed(y_{t-1}) (..., E)."""
        joined = torch.cat([self.dropout(h), context, embedded.to(h.dtype)], dim=-1)
        logits: Tensor = self.fc2(self.dropout(self.fc1(joined).tanh()))
        return logits

    def next_words(self, y_BK: Tensor, state: State, photos: Annotated, count: int) -> NextWords:
        """One step, and the `count` likeliest words after it, or all that there are."""
        step = self.step(y_BK, state, photos)
        logits_BKV = self.logits(step.state.h_BKH, step.context_BKF, step.embedded_BKE).float()
        said_BKV = logits_BKV.masked_fill(self.never_said_V, -torch.inf)
        all_BK1 = said_BKV.logsumexp(dim=-1, keepdim=True)
        best_BKN, words_BKN = said_BKV.topk(min(count, self.size.vocabulary - len(NEVER_SAID)), dim=-1)
        end_BK = (said_BKV[..., END : END + 1] - all_BK1).squeeze(-1)
        return NextWords(step.state, step.alpha_BKL, words_BKN, best_BKN - all_BK1, end_BK)

    def forward(self, photos: Annotated, y_BKT: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher forcing: words y_0…y_{T-1} → logits of y_1…y_T (B, K, T, V) and α (B, K, T, L)."""
        state = self.begin(photos, y_BKT.shape[1])
        steps = []
        for t in range(y_BKT.shape[2]):
            steps.append(self.step(y_BKT[:, :, t], state, photos))
            state = steps[-1].state
        h = torch.stack([step.state.h_BKH for step in steps], dim=2)
        context = torch.stack([step.context_BKF for step in steps], dim=2)
        embedded = torch.stack([step.embedded_BKE for step in steps], dim=2)
        return self.logits(h, context, embedded), torch.stack([step.alpha_BKL for step in steps], dim=2)

    def _recur(self, x_BKI: Tensor, state: State) -> State:
        x_NI, h_NH = x_BKI.flatten(0, 1), state.h_BKH.flatten(0, 1)
        shape = state.h_BKH.shape
        if state.memory_BKH is None:
            return State(self.cell(x_NI, h_NH).view(shape), None)
        h_NH, memory_NH = self.cell(x_NI, (h_NH, state.memory_BKH.flatten(0, 1)))
        return State(h_NH.view(shape), memory_NH.view(shape))
