"""From annotations to word numbers: beam search (greedy is a beam of one) and sampling, batched over photos.

Shapes: B photos, K beams or samples of each, T words, L locations, V words in the vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from indexer.captioner.decoder import Annotated, AttentionDecoder, NextWords, State
from indexer.captioner.vocabulary import END, NEVER_SAID, PAD, START

# The share of a batch that must have finished before it is made smaller: that copies what stays.
_LEAVE_TOGETHER = 0.15


@dataclass(frozen=True, slots=True)
class Decoded:
    """Captions as word numbers, best first along K.

    `words_BKT` is int64, PAD after END; `logprob_BK` the sum over the words and END in nats at temperature 1;
    `alpha_BKTL` where each word and END looked, rows summing to 1 over L.
    """

    words_BKT: Tensor
    logprob_BK: Tensor
    alpha_BKTL: Tensor


class _Beams(NamedTuple):
    """What is written of B photos; `number_B` is their place in the batch that was given."""

    number_B: Tensor
    words_BKT: Tensor
    logprob_BK: Tensor
    alpha_BKTL: Tensor

    def finished(self) -> Tensor:
        """Whether all beams of a photo have ended, bool (B,)."""
        last_BK = self.words_BKT[:, :, -1]
        return ((last_BK == END) | (last_BK == PAD)).all(dim=1)

    def extend(self, parent_BK: Tensor, y_BK: Tensor, logprob_BK: Tensor, alpha_BKL: Tensor) -> "_Beams":
        """Each beam goes on from `parent_BK` with the word `y_BK`."""
        words_BKT = torch.cat([_reorder(self.words_BKT, parent_BK), y_BK.unsqueeze(-1)], dim=-1)
        alpha_BKTL = torch.cat([self.alpha_BKTL, alpha_BKL.unsqueeze(2)], dim=2)
        return _Beams(self.number_B, words_BKT, logprob_BK, _reorder(alpha_BKTL, parent_BK))

    def take(self, chosen_B: Tensor) -> "_Beams":
        """The photos of these places alone."""
        return _Beams(*(part[chosen_B] for part in self))


class NextWordsReader(Protocol):
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
    decoder: NextWordsReader, photos: Annotated, width: int, max_words: int, length_penalty: float
) -> Decoded:
    """The `width` best captions found, ranked by log p / words^length_penalty (Wu et al. 2016, simplified).

    END counts as one of the words, which it does not where a describer weighs them.
    A finished caption keeps its place among the beams and competes with its log-probability as it stands.
    All beams begin alike, with one step for all of them. Photos whose captions are all finished leave the
    batch, several at a time.
    """
    beams, state = _begin(photos, width), decoder.begin(photos, 1)
    y_BK = torch.full_like(beams.logprob_BK[:, :1], START, dtype=torch.int64)
    done: list[_Beams] = []
    for spoken in range(max_words + 1):
        following = decoder.next_words(y_BK, state, photos, width)
        if not spoken:
            following = following.repeat(width)
        words_BKN, next_BKN = _choices(following, y_BK, must_end=spoken == max_words)
        logprob_BK, chosen_BK = (beams.logprob_BK.unsqueeze(-1) + next_BKN).flatten(1).topk(width)
        parent_BK, y_BK = chosen_BK // next_BKN.shape[-1], words_BKN.flatten(1).gather(1, chosen_BK)
        beams = beams.extend(parent_BK, y_BK, logprob_BK, following.alpha_BKL)
        finished_B = beams.finished()
        if bool(finished_B.all()):
            break
        state = following.state.map(partial(_reorder, order_BK=parent_BK))
        if float(finished_B.float().mean()) >= _LEAVE_TOGETHER:
            done.append(beams.take(finished_B.nonzero().squeeze(1)))
            left_B = (~finished_B).nonzero().squeeze(1)
            beams, y_BK = beams.take(left_B), y_BK[left_B]
            photos = Annotated(*(part[left_B] for part in photos))
            state = state.map(partial(torch.index_select, dim=0, index=left_B))
    return _rank(_join([*done, beams]), length_penalty)


def _choices(following: NextWords, y_BK: Tensor, must_end: bool) -> tuple[Tensor, Tensor]:
    """The words that each beam may go on with and their log-probabilities, (B, K, N).

    After END or PAD only PAD follows, at no cost. `must_end` leaves END as the only choice of a caption that
    has all its words, at the price it has.
    """
    words_BKN, logprob_BKN = following.words_BKN, following.logprob_BKN
    only_N = torch.arange(words_BKN.shape[-1], device=words_BKN.device) == 0
    if must_end:
        words_BKN = torch.full_like(words_BKN, END)
        logprob_BKN = torch.where(only_N, following.end_BK.unsqueeze(-1), -torch.inf)
    finished_BK1 = ((y_BK == END) | (y_BK == PAD)).unsqueeze(-1)
    logprob_BKN = torch.where(finished_BK1, torch.where(only_N, 0.0, -torch.inf), logprob_BKN)
    return words_BKN.masked_fill(finished_BK1, PAD), logprob_BKN


def _begin(photos: Annotated, width: int) -> _Beams:
    batch, locations, _ = photos.phi_BLF.shape
    device = photos.phi_BLF.device
    logprob_BK = torch.full((batch, width), -torch.inf, device=device)
    logprob_BK[:, 0] = 0.0  # all beams start alike: only the first may branch
    return _Beams(
        number_B=torch.arange(batch, device=device),
        words_BKT=torch.empty(batch, width, 0, dtype=torch.int64, device=device),
        logprob_BK=logprob_BK,
        alpha_BKTL=torch.empty(batch, width, 0, locations, device=device),
    )


def _join(parts: Sequence[_Beams]) -> _Beams:
    """All photos in their order again, shorter captions filled up."""
    longest = parts[-1].words_BKT.shape[-1]
    filled = []
    for part in parts:
        more = longest - part.words_BKT.shape[-1]
        words_BKT = F.pad(part.words_BKT, (0, more), value=PAD)
        filled.append(part._replace(words_BKT=words_BKT, alpha_BKTL=F.pad(part.alpha_BKTL, (0, 0, 0, more))))
    joined = _Beams(*(torch.cat(each) for each in zip(*filled, strict=True)))
    return joined.take(joined.number_B.argsort())


def _rank(beams: _Beams, length_penalty: float) -> Decoded:
    length_BK = (beams.words_BKT != PAD).sum(-1).clamp(min=1)
    order_BK = (beams.logprob_BK / length_BK**length_penalty).argsort(dim=1, descending=True, stable=True)
    return Decoded(*(_reorder(part, order_BK) for part in beams[1:]))


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
        next_BKV = _to_logprobs(logits_BKV, y_BK, must_end=spoken == max_words)
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
    """Log-probabilities of every next word (B, K, V), with the same choice as `_choices` leaves."""
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
    first_B1 = torch.arange(0, part.shape[0] * part.shape[1], part.shape[1], device=part.device).unsqueeze(1)
    reordered: Tensor = part.flatten(0, 1)[(first_B1 + order_BK).flatten()].unflatten(0, order_BK.shape)
    return reordered
