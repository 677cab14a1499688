"""From annotations to word numbers: beam search (greedy is a beam of one) and sampling, batched over photos.

Shapes: B photos, K beams or samples of each, T words, L locations, V words in the vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from indexer.captioner.decoder import Annotated, AttentionDecoder, State, Step
from indexer.captioner.vocabulary import END, PAD, START, UNKNOWN

NEVER_SAID = [PAD, START, UNKNOWN]
"""The numbers that are no word of a caption."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Captions as word numbers, best first along K.

    `words_BKT` is int64, PAD after END; `logprob_BK` the sum over the words and END in nats at temperature 1;
    `alpha_BKTL` where each word looked, rows summing to 1 over L.
    """

    words_BKT: Tensor
    logprob_BK: Tensor
    alpha_BKTL: Tensor


@torch.inference_mode()
def beam_search(
    decoder: AttentionDecoder, photos: Annotated, width: int, max_words: int, length_penalty: float
) -> Decoded:
    """The `width` best captions found, ranked by log p / words^length_penalty (Wu et al. 2016, simplified).

    A finished caption keeps its place among the beams and competes with its log-probability as it stands.
    """
    batch, device = photos.phi_BLF.shape[0], photos.phi_BLF.device
    state = decoder.begin(photos, width)
    y_BK = torch.full((batch, width), START, device=device)
    words_BKT = torch.empty(batch, width, 0, dtype=torch.int64, device=device)
    alpha_BKTL = torch.empty(batch, width, 0, photos.phi_BLF.shape[1], device=device)
    logprob_BK = torch.full((batch, width), -torch.inf, device=device)
    logprob_BK[:, 0] = 0.0  # all beams start alike: only the first may branch
    for spoken in range(max_words + 1):
        step = decoder.step(y_BK, state, photos)
        next_BKV = _next_logprobs(decoder, step, y_BK, must_end=spoken == max_words)
        vocabulary = next_BKV.shape[-1]
        logprob_BK, chosen_BK = (logprob_BK.unsqueeze(-1) + next_BKV).flatten(1).topk(width)
        parent_BK, y_BK = chosen_BK // vocabulary, chosen_BK % vocabulary
        h_BKH, memory_BKH = step.state
        memory_BKH = None if memory_BKH is None else _reorder(memory_BKH, parent_BK)
        state = State(_reorder(h_BKH, parent_BK), memory_BKH)
        words_BKT = torch.cat([_reorder(words_BKT, parent_BK), y_BK.unsqueeze(-1)], dim=-1)
        alpha_BK1L = step.alpha_BKL.unsqueeze(2)
        alpha_BKTL = _reorder(torch.cat([alpha_BKTL, alpha_BK1L], dim=2), parent_BK)
        if bool(((y_BK == END) | (y_BK == PAD)).all()):
            break
    length_BK = (words_BKT != PAD).sum(-1).clamp(min=1)
    order_BK = (logprob_BK / length_BK**length_penalty).argsort(dim=1, descending=True, stable=True)
    return Decoded(*(_reorder(part, order_BK) for part in (words_BKT, logprob_BK, alpha_BKTL)))


@torch.inference_mode()
def sample(
    decoder: AttentionDecoder,
    photos: Annotated,
    samples: int,
    max_words: int,
    temperature: float,
    generator: torch.Generator,
) -> Decoded:
    """`samples` captions of each photo, each word drawn from softmax(logits / temperature).

    All photos share the random numbers, one for each sample and word: a photo's samples are independent of
    one another, and do not change with the other photos of its batch.
    """
    batch, device = photos.phi_BLF.shape[0], photos.phi_BLF.device
    state = decoder.begin(photos, samples)
    y_BK = torch.full((batch, samples), START, device=device)
    logprob_BK = torch.zeros(batch, samples, device=device)
    words, alphas = [], []
    for spoken in range(max_words + 1):
        step = decoder.step(y_BK, state, photos)
        state = step.state
        next_BKV = _next_logprobs(decoder, step, y_BK, must_end=spoken == max_words)
        share_BKV = (next_BKV / temperature).softmax(dim=-1).cumsum(dim=-1)
        drawn_K1 = torch.rand(samples, 1, generator=generator, device=device) * share_BKV[..., -1:]
        y_BK = torch.searchsorted(share_BKV, drawn_K1, right=True).squeeze(-1)
        logprob_BK = logprob_BK + next_BKV.gather(-1, y_BK.unsqueeze(-1)).squeeze(-1)
        words.append(y_BK)
        alphas.append(step.alpha_BKL)
        if bool(((y_BK == END) | (y_BK == PAD)).all()):
            break
    return Decoded(torch.stack(words, dim=-1), logprob_BK, torch.stack(alphas, dim=2))


def _next_logprobs(decoder: AttentionDecoder, step: Step, y_BK: Tensor, must_end: bool) -> Tensor:
    """Log-probabilities of every next word (B, K, V); after END or PAD only PAD follows, at no cost.

    `must_end` leaves END as the only choice of a caption that has all its words, at the price it has.
    """
    logits_BKV = decoder.logits(step.state.h_BKH, step.context_BKF, step.embedded_BKE).float()
    logits_BKV[..., NEVER_SAID] = -torch.inf
    logprobs_BKV = logits_BKV.log_softmax(dim=-1)
    if must_end:
        is_end_V = torch.arange(logprobs_BKV.shape[-1], device=logprobs_BKV.device) == END
        logprobs_BKV = torch.where(is_end_V, logprobs_BKV, -torch.inf)
    finished_BK = (y_BK == END) | (y_BK == PAD)
    logprobs_BKV[finished_BK] = -torch.inf
    logprobs_BKV[..., PAD] = torch.where(finished_BK, 0.0, -torch.inf)
    return logprobs_BKV


def _reorder(part: Tensor, order_BK: Tensor) -> Tensor:
    index = order_BK.view(*order_BK.shape, *[1] * (part.dim() - 2)).expand(-1, -1, *part.shape[2:])
    return part.gather(1, index)
