"""Self-critical sequence training: a captioner speaks, and hears of each caption how good it was.

Rennie et al. 2017; each caption is held against the other samples of its photo (Luo 2020, "A Better Variant
of Self-Critical Sequence Training"). Reads what was cached of the photos, writes nothing.
Shapes: B photos of a batch, K samples of each, T words, V words in the vocabulary.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from indexer.captioner.config import SelfCriticalConfig
from indexer.captioner.decoding import sample
from indexer.captioner.encoder_decoder import EncoderDecoder
from indexer.captioner.training.examples import Examples, iterate_batches
from indexer.captioner.training.validation import Tokens, Validation, load_cider
from indexer.captioner.vocabulary import END, PAD, SPECIAL_TOKENS, START, Vocabulary
from retrieval.captioned_dataset import CaptionedPhoto

_END = SPECIAL_TOKENS[END]


@dataclass(frozen=True, slots=True, eq=False)
class Attempts:
    """What is seen of the photos, what was said of each, START first, and how much better than the others."""

    seen: Tensor
    words_BKT: Tensor
    advantage_BK: Tensor


class Critic:
    """CIDEr-D of sampled captions against people's of the training photos.

    That a caption ends counts as a word of it: otherwise those pay that break off before a dull last word.
    """

    def __init__(self, photos: Sequence[CaptionedPhoto], vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._scorer = load_cider([[(*tokens, _END) for tokens in photo.tokens] for photo in photos])

    def score(self, numbers_B: np.ndarray, said_BKT: Tensor) -> Tensor:
        """float32 (B, K), 0 to 10, of word numbers without START; `numbers_B` are the photos' places."""
        captions = [self._read(numbers) for numbers in said_BKT.flatten(0, 1).tolist()]
        photos = np.repeat(numbers_B, said_BKT.shape[1]).tolist()
        rewards = torch.from_numpy(self._scorer.score_many(photos, captions))
        return rewards.view(said_BKT.shape[:2]).float()

    def _read(self, numbers: list[int]) -> Tokens:
        words = self._vocabulary.decode(numbers)
        return (*words, _END) if END in numbers else words


def leave_one_out(reward_BK: Tensor) -> Tensor:
    """Each reward less the mean of the other rewards of its photo."""
    samples = reward_BK.shape[1]
    return (reward_BK - reward_BK.mean(dim=1, keepdim=True)) * (samples / (samples - 1))


def self_critical_loss(model: EncoderDecoder, batch: Attempts, temperature: float) -> Tensor:
    """−Σ advantage · log p(caption), a word of the batch: its gradient raises the reward (Williams 1992).

    p(y_t) = softmax(logits / temperature), which is what the captions were drawn from.
    """
    photos = model.annotate(batch.seen)
    logits_BKTV, _ = model.decoder(photos, batch.words_BKT[:, :, :-1])
    logits_BKTV = (logits_BKTV.float() / temperature).masked_fill(model.decoder.never_said_V, -math.inf)
    said_BKT = batch.words_BKT[:, :, 1:]
    surprise = F.cross_entropy(
        logits_BKTV.flatten(0, 2), said_BKT.flatten(), ignore_index=PAD, reduction="none"
    )
    weighed_BKT = batch.advantage_BK.unsqueeze(-1) * surprise.view(said_BKT.shape)
    loss: Tensor = weighed_BKT.sum() / (said_BKT != PAD).sum()
    return loss


class SelfCriticalTask:
    """A captioner that can already speak, its own samples, and CIDEr of its captions of validation photos."""

    metric = "CIDEr"

    def __init__(
        self,
        model: EncoderDecoder,
        examples: Examples,
        critic: Critic,
        validation: Validation,
        config: SelfCriticalConfig,
    ) -> None:
        self.model = model
        self.model.decoder.dropout.p = config.dropout
        self.steps = math.ceil(len(examples) / config.batch)
        self._examples = examples
        self._critic = critic
        self._validation = validation
        self._config = config
        self._dtype = validation.dtype

    def batches(self, random: np.random.Generator) -> Iterator[Attempts]:
        """As `Task.batches`; the model speaks as it is when a batch is asked for, nothing dropped out."""
        generator = torch.Generator().manual_seed(int(random.integers(2**63)))
        for batch in iterate_batches(self._examples, self._config.batch, self._dtype, random):
            said_BKT = self._speak(batch.seen, generator)
            reward_BK = self._critic.score(batch.numbers_B, said_BKT)
            words_BKT = F.pad(said_BKT, (1, 0), value=START)
            yield Attempts(batch.seen, words_BKT, leave_one_out(reward_BK))

    def loss(self, batch: Attempts) -> Tensor:
        """As `Task.loss`."""
        return self_critical_loss(self.model, batch, self._config.temperature)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """As `Task.validate`."""
        return self._validation(cast(EncoderDecoder, model))

    def _speak(self, seen: Tensor, generator: torch.Generator) -> Tensor:
        """Word numbers (B, K, T); what was made to end at the longest length has no END."""
        config, decoder = self._config, self.model.decoder
        self.model.eval()
        with (
            torch.inference_mode(),
            torch.autocast("cpu", self._dtype, enabled=self._dtype != torch.float32),
        ):
            photos = self.model.annotate(seen)
            said = sample(
                decoder, photos, config.samples, config.max_words, config.temperature, generator, alike=False
            )
        self.model.train()
        return said.words_BKT[:, :, : config.max_words].clone()
