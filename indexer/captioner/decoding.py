"""From annotations to word numbers: beam search (greedy is a beam of one) and sampling, batched over photos.

Shapes: B photos (of a step, those that have not left), K beams or samples of each, N words that may come
next, E ends of a photo's beams, T words, L locations, V words in the vocabulary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from indexer.captioner.decoder import Annotated, AttentionDecoder, NextWords, State
from indexer.captioner.vocabulary import END, PAD, START

# The share of a batch that must have finished before it is made smaller: that copies what stays.
_LEAVE_TOGETHER = 0.15
# How likely END is at least where a beam that goes on leaves a caption behind: less makes more of "a man".
_LEAST_END = math.log(0.01)
# More than any two scores differ by, and little enough for float32 to tell apart those that it is taken from.
_FAR = 1e3


@dataclass(frozen=True, slots=True)
class Decoded:
    """Captions as word numbers, of beam search the best first along K.

    `words_BKT` is int64, PAD after END; `logprob_BK` the sum over the words and END in nats at temperature 1;
    `alpha_BKTL` where each word and END looked, rows summing to 1 over L; what is after END means nothing.
    Where there were fewer captions to find than K, the best one is there again.
    """

    words_BKT: Tensor
    logprob_BK: Tensor
    alpha_BKTL: Tensor


class _Step(NamedTuple):
    """What beam search did at one word. `row_B` is where each photo of the batch stands in the rest, or -1.

    `alpha_BKL` is where each beam looked; `ending_BK` log p of the caption that END makes of it, -∞ where
    that is none, and `likely_BK` whether it ends the beam. The next beams go on from the beams `beam_BK` with
    the words `y_BK`.
    """

    row_B: Tensor
    alpha_BKL: Tensor
    ending_BK: Tensor
    likely_BK: Tensor
    beam_BK: Tensor
    y_BK: Tensor


class BeamDecoder(Protocol):
    """What beam search asks. Implementations: `AttentionDecoder`, `OpenVinoDecoder`."""

    def annotate(self, a_BLD: Tensor) -> Annotated:
        """Annotations → what the others read of the photos."""
        ...

    def begin(self, photos: Annotated, captions: int) -> State:
        """As `AttentionDecoder.begin`."""
        ...

    def next_words(self, y_BK: Tensor, state: State, photos: Annotated, count: int) -> NextWords:
        """As `AttentionDecoder.next_words`."""
        ...


@torch.inference_mode()
def beam_search(
    decoder: BeamDecoder, photos: Annotated, width: int, max_words: int, length_penalty: float
) -> Decoded:
    """2 · `width` − 1 captions, ranked by log p / words^length_penalty (Wu et al. 2016, simplified).

    So many can have ended: `width` − 1 before a photo's last word, and `width` at it.

    Of all that a photo's beams can go on with, the `width` likeliest that are not END are its next beams. END
    ends a beam where it is among the `width` likeliest of all; with so many ended a photo is done (early
    stopping, transformers calls it). Room that is left goes to the best captions of beams that END was less
    likely for: finding these costs nothing. A beam of one is greedy, but that each caption has a word. END
    counts as one of the words, which it does not where a describer weighs them. Photos that are done leave
    the batch, several at a time.
    """
    batch, device = len(photos.phi_BLF), photos.phi_BLF.device
    row_B = number_B = torch.arange(batch, device=device)
    state, y_BK = decoder.begin(photos, 1), torch.full((batch, 1), START, device=device)
    logprob_BK, ended_B = torch.zeros(batch, 1, device=device), torch.zeros_like(number_B)
    steps: list[_Step] = []
    for spoken in range(max_words + 1):
        following = decoder.next_words(y_BK, state, photos, width + 1)
        logprob_BKN = logprob_BK.unsqueeze(-1) + following.logprob_BKN
        ending_BK = logprob_BK + following.end_BK
        most_BN, _ = _most(logprob_BKN.flatten(1), width)
        # No word is no caption, and a photo that is done only waits for others to leave.
        counts_BK = (ended_B < width).unsqueeze(1) & ending_BK.isfinite() & (spoken > 0)
        likely_BK = ((ending_BK >= most_BN[:, -1:]) | (spoken == max_words)) & counts_BK
        may_end_BK = likely_BK | (following.end_BK >= _LEAST_END) & counts_BK
        ended_B = ended_B + likely_BK.sum(dim=1)
        logprob_BKN = logprob_BKN.masked_fill(following.words_BKN == END, -torch.inf)
        logprob_BK, chosen_BK = _most(logprob_BKN.flatten(1), width)
        beam_BK = chosen_BK // logprob_BKN.shape[-1]
        y_BK = following.words_BKN.flatten(1).gather(1, chosen_BK)
        ending_BK = ending_BK.where(may_end_BK, -torch.inf)
        steps.append(_Step(row_B, following.alpha_BKL, ending_BK, likely_BK, beam_BK, y_BK))
        done_B = ended_B >= width
        if bool(done_B.all()):
            break
        left_B = torch.arange(len(done_B), device=device)
        if float(done_B.float().mean()) >= _LEAVE_TOGETHER:
            left_B = left_B[~done_B]
            number_B, ended_B = number_B[left_B], ended_B[left_B]
            row_B = torch.full_like(row_B, -1)
            row_B[number_B] = torch.arange(len(number_B), device=device)
            y_BK, logprob_BK = y_BK[left_B], logprob_BK[left_B]
            photos = Annotated(*(part[left_B] for part in photos))
        state = following.state.map(partial(_take, photo_B=left_B, beam_BK=beam_BK[left_B]))
    last_BK, beam_BK, logprob_BK = _choose(steps, 2 * width - 1, length_penalty)
    words_BKT, alpha_BKTL = _trace(steps, last_BK, beam_BK)
    return Decoded(words_BKT, logprob_BK, alpha_BKTL)


def _most(values_BN: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest, or all that there are, and their places."""
    return values_BN.topk(min(count, values_BN.shape[1]))


def _choose(steps: Sequence[_Step], count: int, length_penalty: float) -> tuple[Tensor, Tensor, Tensor]:
    """The best captions that end: at which step and in which beam each does, and its log p, all (B, K)."""
    device = steps[0].row_B.device
    ends = [(spoken, beam) for spoken, step in enumerate(steps) for beam in range(step.ending_BK.shape[1])]
    step_E, beam_E = torch.tensor(ends, device=device).unbind(dim=1)
    # Of photos that have left, what stands at -1 is another's.
    ending = [step.ending_BK[step.row_B].where(step.row_B.unsqueeze(1) >= 0, -torch.inf) for step in steps]
    ending_BE = torch.cat(ending, dim=1)
    likely_BE = torch.cat([step.likely_BK[step.row_B] for step in steps], dim=1)
    score_BE = ending_BE / (step_E + 1) ** length_penalty
    _, end_BK = _most(torch.where(likely_BE, score_BE, score_BE - _FAR), count)
    score_BK, order_BK = score_BE.gather(1, end_BK).sort(dim=1, descending=True, stable=True)
    end_BK = end_BK.gather(1, order_BK.where(score_BK.isfinite(), order_BK[:, :1]))
    end_BK = torch.cat([end_BK, end_BK[:, :1].expand(-1, count - end_BK.shape[1])], dim=1)
    return step_E[end_BK], beam_E[end_BK], ending_BE.gather(1, end_BK)


def _trace(steps: Sequence[_Step], last_BK: Tensor, beam_BK: Tensor) -> tuple[Tensor, Tensor]:
    """From the step and the beam that each caption ends in back to its beginning: words and attention."""
    words, alphas = [], []
    for spoken, step in reversed(list(enumerate(steps))):
        row_B1, goes_on_BK = step.row_B.unsqueeze(1), last_BK > spoken
        ends_BK = torch.full_like(last_BK, PAD).masked_fill(last_BK == spoken, END)
        words.append(step.y_BK[row_B1, beam_BK].where(goes_on_BK, ends_BK))
        beam_BK = step.beam_BK[row_B1, beam_BK].where(goes_on_BK, beam_BK)
        alphas.append(step.alpha_BKL[row_B1, beam_BK] * (words[-1] != PAD).unsqueeze(-1))
    return torch.stack(words[::-1], dim=2), torch.stack(alphas[::-1], dim=2)


@torch.inference_mode()
def sample(
    decoder: AttentionDecoder,
    photos: Annotated,
    samples: int,
    max_words: int,
    temperature: float,
    generator: torch.Generator,
    alike: bool = True,
) -> Decoded:
    """`samples` captions of each photo, each word drawn from softmax(logits / temperature).

    Where photos are drawn for `alike`, all share the random numbers, one for each sample and word: a photo's
    samples are independent of one another, and do not change with the other photos of its batch.
    """
    batch, device = photos.phi_BLF.shape[0], photos.phi_BLF.device
    state = decoder.begin(photos, samples)
    y_BK = torch.full((batch, samples), START, device=device)
    logprob_BK = torch.zeros(batch, samples, device=device)
    words, alphas = [], []
    for spoken in range(max_words + 1):
        step = decoder.step(y_BK, state, photos)
        state = step.state
        logits_BKV = decoder.logits(step.state.h_BKH, step.context_BKF, step.embedded_BKE).float()
        said_BKV = logits_BKV.masked_fill(decoder.never_said_V, -torch.inf)
        next_BKV = _to_logprobs(said_BKV, y_BK, must_end=spoken == max_words)
        share_BKV = (next_BKV / temperature).softmax(dim=-1).cumsum(dim=-1)
        numbers = torch.rand(1 if alike else batch, samples, 1, generator=generator, device=device)
        drawn_BK1 = numbers * share_BKV[..., -1:]
        y_BK = torch.searchsorted(share_BKV, drawn_BK1, right=True).squeeze(-1)
        logprob_BK = logprob_BK + next_BKV.gather(-1, y_BK.unsqueeze(-1)).squeeze(-1)
        words.append(y_BK)
        alphas.append(step.alpha_BKL)
        if bool(((y_BK == END) | (y_BK == PAD)).all()):
            break
    return Decoded(torch.stack(words, dim=-1), logprob_BK, torch.stack(alphas, dim=2))


def _to_logprobs(logits_BKV: Tensor, y_BK: Tensor, must_end: bool) -> Tensor:
    """Log-probabilities of every next word (B, K, V).

    After END or PAD only PAD follows, at no cost. `must_end` leaves END as the only choice of a caption that
    has all its words, at the price it has.
    """
    logprobs_BKV = logits_BKV.log_softmax(dim=-1)
    if must_end:
        is_end_V = torch.arange(logprobs_BKV.shape[-1], device=logprobs_BKV.device) == END
        logprobs_BKV = torch.where(is_end_V, logprobs_BKV, -torch.inf)
    finished_BK = (y_BK == END) | (y_BK == PAD)
    logprobs_BKV[finished_BK] = -torch.inf
    logprobs_BKV[..., PAD] = torch.where(finished_BK, 0.0, -torch.inf)
    return logprobs_BKV


def _take(part: Tensor, photo_B: Tensor, beam_BK: Tensor) -> Tensor:
    """Of these photos these beams."""
    return part[photo_B.unsqueeze(1), beam_BK]
