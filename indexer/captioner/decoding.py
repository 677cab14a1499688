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
# How likely END is at least where a beam that goes on leaves a caption behind: less makes "a man" of some.
_LEAST_END = 0.01
# More than any two scores differ by, and little enough for float32 to tell apart those that it is taken from.
_FAR = 1e3


@dataclass(frozen=True, slots=True)
class Decoded:
    """Captions as word numbers, of beam search the best first along K.

    `words_BKT` is int64, PAD after END; `logprob_BK` the sum over the words and END in nats at temperature 1;
    `alpha_BKTL` where each word and END looked, rows summing to 1 over L. Where there were fewer captions to
    find than K, the best one is there again.
    """

    words_BKT: Tensor
    logprob_BK: Tensor
    alpha_BKTL: Tensor


class _Written(NamedTuple):
    """Captions of B photos so far. `beam_BKT` is the beam that each word is of, at the step that chose it."""

    words_BKT: Tensor
    beam_BKT: Tensor
    logprob_BK: Tensor

    def extend(self, beam_BK: Tensor, y_BK: Tensor, logprob_BK: Tensor) -> "_Written":
        """Each goes on from the caption `beam_BK` with the word `y_BK`."""
        words_BKT = torch.cat([_reorder(self.words_BKT, beam_BK), y_BK.unsqueeze(-1)], dim=-1)
        beams_BKT = torch.cat([_reorder(self.beam_BKT, beam_BK), beam_BK.unsqueeze(-1)], dim=-1)
        return _Written(words_BKT, beams_BKT, logprob_BK)

    def end(self, logprob_BK: Tensor) -> "_Written":
        """Each with END as its last word."""
        y_BK = torch.full_like(logprob_BK, END, dtype=torch.int64)
        return self.extend(torch.arange(y_BK.shape[1], device=y_BK.device).expand_as(y_BK), y_BK, logprob_BK)

    def take(self, chosen_B: Tensor) -> "_Written":
        """Those of these photos alone."""
        return _Written(*(part[chosen_B] for part in self))


class _Ended(NamedTuple):
    """Of B photos the best captions that end, and how many of them ended a beam: `count_B`.

    The scores of the others are lower by `_FAR`.
    """

    written: _Written
    score_BK: Tensor
    count_B: Tensor

    def add(self, more: _Written, score_BK: Tensor, likely_BK: Tensor) -> "_Ended":
        """With the better ones of `more`, of which those that are `likely_BK` ended a beam."""
        both = _Written(*(torch.cat(parts, dim=1) for parts in zip(self._padded(), more, strict=True)))
        all_BK = torch.cat([self.score_BK, torch.where(likely_BK, score_BK, score_BK - _FAR)], dim=1)
        best_BK, order_BK = all_BK.topk(self.score_BK.shape[1])
        kept = _Written(*(_reorder(part, order_BK) for part in both))
        return _Ended(kept, best_BK, self.count_B + likely_BK.sum(dim=1))

    def take(self, chosen_B: Tensor) -> "_Ended":
        """Those of these photos alone."""
        return _Ended(self.written.take(chosen_B), self.score_BK[chosen_B], self.count_B[chosen_B])

    def _padded(self) -> _Written:
        """With room for one more word."""
        written = self.written
        words_BKT, beam_BKT = F.pad(written.words_BKT, (0, 1), value=PAD), F.pad(written.beam_BKT, (0, 1))
        return _Written(words_BKT, beam_BKT, written.logprob_BK)


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
    """2 · `width` − 1 captions, ranked by log p / words^length_penalty (Wu et al. 2016, simplified).

    Of all that a photo's beams can go on with, the `width` likeliest that are not END are its next beams. END
    ends a beam where it is among the `width` likeliest of all; with so many ended a photo is done (early
    stopping, transformers calls it). Room that is left goes to the best captions of beams that END was less
    likely for: finding these costs nothing. A beam of one is greedy. END counts as one of the words, which it
    does not where a describer weighs them. Photos that are done leave the batch, several at a time.
    """
    number_B = torch.arange(len(photos.phi_BLF), device=photos.phi_BLF.device)
    beams, ended = _begin(number_B, width)
    state, y_BK = decoder.begin(photos, 1), torch.full_like(beams.logprob_BK, START, dtype=torch.int64)
    alphas: list[Tensor] = []
    done: list[tuple[Tensor, Decoded]] = []
    for spoken in range(max_words + 1):
        following = decoder.next_words(y_BK, state, photos, width + 1)
        alphas.append(following.alpha_BKL)
        logprob_BKN = beams.logprob_BK.unsqueeze(-1) + following.logprob_BKN
        logprob_BK = beams.logprob_BK + following.end_BK
        most_BN, _ = _most(logprob_BKN.flatten(1), width)
        likely_BK = (logprob_BK >= most_BN[:, -1:]) | (spoken == max_words)
        may_end_BK = likely_BK | (following.end_BK.exp() >= _LEAST_END)
        # A photo that is done waits for others to leave, no more.
        logprob_BK = logprob_BK.where(may_end_BK & (ended.count_B < width).unsqueeze(1), -torch.inf)
        score_BK = logprob_BK / (spoken + 1) ** length_penalty
        ended = ended.add(beams.end(logprob_BK), score_BK, likely_BK & logprob_BK.isfinite())
        done_B = ended.count_B >= width
        if spoken == max_words or bool(done_B.all()):
            break
        logprob_BKN = logprob_BKN.masked_fill(following.words_BKN == END, -torch.inf)
        logprob_BK, chosen_BK = _most(logprob_BKN.flatten(1), width)
        beam_BK = chosen_BK // logprob_BKN.shape[-1]
        y_BK = following.words_BKN.flatten(1).gather(1, chosen_BK)
        beams = beams.extend(beam_BK, y_BK, logprob_BK)
        state = following.state.map(partial(_reorder, order_BK=beam_BK))
        if float(done_B.float().mean()) >= _LEAVE_TOGETHER:
            gone_B, left_B = done_B.nonzero().squeeze(1), (~done_B).nonzero().squeeze(1)
            gone = _read(ended.take(gone_B), [part[gone_B] for part in alphas])
            done.append((number_B[gone_B], gone))
            number_B, y_BK, alphas = number_B[left_B], y_BK[left_B], [part[left_B] for part in alphas]
            beams, ended = beams.take(left_B), ended.take(left_B)
            photos = Annotated(*(part[left_B] for part in photos))
            state = state.map(partial(torch.index_select, dim=0, index=left_B))
    return _rank(_join([*done, (number_B, _read(ended, alphas))]), length_penalty)


def _begin(number_B: Tensor, width: int) -> tuple[_Written, _Ended]:
    """One beam of each photo without a word, and nothing that has ended."""

    def written(captions: int, logprob: float) -> _Written:
        words_BKT = number_B.new_empty(len(number_B), captions, 0)
        logprob_BK = torch.full(words_BKT.shape[:2], logprob, device=number_B.device)
        return _Written(words_BKT, words_BKT, logprob_BK)

    none = written(2 * width - 1, -torch.inf)
    return written(1, 0.0), _Ended(none, none.logprob_BK, torch.zeros_like(number_B))


def _most(values_BN: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest, or all that there are, and their places."""
    most_BN, place_BN = values_BN.topk(min(count, values_BN.shape[1]))
    return most_BN, place_BN


def _read(ended: _Ended, alphas: Sequence[Tensor]) -> Decoded:
    """What has ended, and where it looked: `alphas` are those of all beams at each step, (B, beams, L)."""
    words_BKT, beam_BKT, logprob_BK = ended.written
    looked = [_reorder(alpha, beam_BK) for alpha, beam_BK in zip(alphas, beam_BKT.unbind(-1), strict=True)]
    alpha_BKTL = torch.stack(looked, dim=2) * (words_BKT != PAD).unsqueeze(-1)
    return Decoded(words_BKT, logprob_BK, alpha_BKTL)


def _join(parts: Sequence[tuple[Tensor, Decoded]]) -> Decoded:
    """All photos in the order of their numbers, shorter captions filled up."""
    longest = parts[-1][1].words_BKT.shape[-1]
    filled = []
    for _, part in parts:
        more = longest - part.words_BKT.shape[-1]
        words_BKT = F.pad(part.words_BKT, (0, more), value=PAD)
        filled.append((words_BKT, part.logprob_BK, F.pad(part.alpha_BKTL, (0, 0, 0, more))))
    order_B = torch.cat([number_B for number_B, _ in parts]).argsort()
    return Decoded(*(torch.cat(each)[order_B] for each in zip(*filled, strict=True)))


def _rank(found: Decoded, length_penalty: float) -> Decoded:
    length_BK = (found.words_BKT != PAD).sum(-1)
    score_BK, order_BK = (found.logprob_BK / length_BK**length_penalty).sort(
        dim=1, descending=True, stable=True
    )
    order_BK = order_BK.where(score_BK.isfinite(), order_BK[:, :1])
    parts = (found.words_BKT, found.logprob_BK, found.alpha_BKTL)
    return Decoded(*(_reorder(part, order_BK) for part in parts))


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
    """Log-probabilities of every next word (B, K, V).

    After END or PAD only PAD follows, at no cost. `must_end` leaves END as the only choice of a caption that
    has all its words, at the price it has.
    """
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
