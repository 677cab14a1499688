"""Self-critical training: rewards, baselines and gradients of tiny cases, computed by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from indexer.captioner.config import SelfCriticalConfig
from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize
from indexer.captioner.encoder_decoder import EncoderDecoder
from indexer.captioner.training.self_critical import Attempts, Critic, leave_one_out, self_critical_loss
from indexer.captioner.vocabulary import END, PAD, SPECIAL_TOKENS, START, Vocabulary
from retrieval.captioned_dataset import CaptionedPhoto

WORDS = [*SPECIAL_TOKENS, "a", "dog", "runs"]
A, DOG, RUNS = 4, 5, 6


def make_model() -> EncoderDecoder:
    torch.manual_seed(0)
    sizes = {"features": 8, "hidden": 8, "attention": 4, "embedding": 8}
    size = DecoderSize(cell=Cell.GRU, vocabulary=len(WORDS), channels=6, **sizes)
    return EncoderDecoder(None, AttentionDecoder(size)).eval()


def make_photo(*captions: str) -> CaptionedPhoto:
    return CaptionedPhoto(Path("p"), captions, tuple(tuple(caption.split()) for caption in captions), "train")


def test_each_sample_is_held_against_the_others_of_its_photo() -> None:
    advantage_BK = leave_one_out(torch.tensor([[1.0, 2.0, 6.0], [3.0, 3.0, 3.0]]))
    torch.testing.assert_close(advantage_BK, torch.tensor([[-3.0, -1.5, 4.5], [0.0, 0.0, 0.0]]))


def test_the_reward_is_cider_d_and_counts_the_end_as_a_word() -> None:
    photos = [make_photo("a dog runs"), make_photo("a cat sits", "a cat")]
    critic = Critic(photos, Vocabulary(WORDS))
    said_BKT = torch.tensor([[[A, DOG, RUNS, END], [A, DOG, RUNS, PAD], [END, PAD, PAD, PAD]]])
    # "a" and the end stand in captions of both photos and weigh nothing. Broken off, the caption has two of
    # three pairs of words, one of two triples, no four, and is a pair shorter.
    broken_off = 10 * math.exp(-1 / 72) * (1 + math.sqrt(2 / 3) + math.sqrt(1 / 2)) / 4
    expected = torch.tensor([[10.0, broken_off, 0.0]])
    torch.testing.assert_close(critic.score(np.array([0]), said_BKT), expected)


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_the_gradient_is_that_of_the_reward_to_be_expected(temperature: float) -> None:
    model, seen = make_model(), torch.randn(1, 9, 6)
    captions, reward_K = [END, A, DOG, RUNS], torch.tensor([0.5, 2.0, 7.0, 1.0])

    def say() -> torch.Tensor:
        """p of all captions that there are of one word or none."""
        photos = model.annotate(seen)
        step = model.decoder.step(torch.tensor([[START]]), model.decoder.begin(photos, 1), photos)
        logits_V = model.decoder.logits(step.state.h_BKH, step.context_BKF, step.embedded_BKE)[0, 0]
        return (logits_V[captions] / temperature).softmax(dim=0)

    weights = list(model.parameters())
    expected = torch.autograd.grad((say() * reward_K).sum(), weights, allow_unused=True)
    words_BKT = torch.tensor([[[START, word] for word in captions]])
    for baseline in (0.0, 3.0):
        advantage_BK = (say() * (reward_K - baseline)).detach()[None]
        batch = Attempts(seen, words_BKT, advantage_BK)
        loss = len(captions) * self_critical_loss(model, batch, temperature)
        found = torch.autograd.grad(-loss, weights, allow_unused=True)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(*(torch.zeros(()) if g is None else g for g in (one, other)))


def test_a_start_without_passes_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"the start 'a\.safetensors' and no cycles"):
        SelfCriticalConfig(cycles=(), start="a.safetensors")
