"""The second phase: captions drawn from the model itself, rewarded for what they are for.

Rennie et al. 2017, *Self-critical sequence training*, with the mean of a photo's other samples as baseline
(Luo 2020, *A better variant of self-critical sequence training*). The reward adds to CIDEr-D how much
surely the caption's sentence vector finds its own photo among all of the training set (after Luo et al. 2018,
*Discriminability objective for training descriptive captions*), so that captions stay specific.
Shapes: N photos of the split, B of a batch, S samples of each, T words, E sentence-vector dimension.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from indexer.captioner.config import SelfCriticalConfig
from indexer.captioner.decoder import AttentionDecoder
from indexer.captioner.decoding import sample
from indexer.captioner.training.cross_entropy import sequence_logprobs
from indexer.captioner.training.examples import Batch
from indexer.captioner.training.validation import CaptionScorer, Tokens
from indexer.captioner.vocabulary import PAD, START, Vocabulary
from retrieval.text_encoder import TextEncoder

_TEMPERATURE = 0.05  # of the softmax over photos in the retrieval reward


class SelfCriticalReward:
    """Scores sampled captions of the training photos.

    `references` are the tokens of each photo's human captions, by the photo's number in the split.
    """

    def __init__(
        self,
        references: Sequence[Sequence[Tokens]],
        scorer: CaptionScorer,
        text_encoder: TextEncoder,
        config: SelfCriticalConfig,
    ) -> None:
        self._scorer = scorer
        self._encoder = text_encoder
        self._config = config
        self._vectors: dict[Tokens, np.ndarray] = {}
        means = [self._encode(captions).mean(axis=0) for captions in references]
        self._reference_NE = F.normalize(torch.from_numpy(np.stack(means)), dim=-1)

    def __call__(self, numbers_B: np.ndarray, captions_BS: list[list[Tokens]]) -> Tensor:
        """Rewards (B, S): weighted sum of CIDEr-D and log p(own photo | caption) over the split's photos."""
        flat = [caption for captions in captions_BS for caption in captions]
        samples = len(captions_BS[0])
        cider = self._scorer.score_many(numbers_B.repeat(samples).tolist(), flat)
        reward_BS = self._config.cider_weight * torch.from_numpy(cider).float().view(-1, samples)
        if self._config.retrieval_weight:
            vectors_BSE = torch.from_numpy(self._encode(flat)).view(*reward_BS.shape, -1)
            log_p_BSN = (vectors_BSE @ self._reference_NE.T / _TEMPERATURE).log_softmax(dim=-1)
            own_BS = log_p_BSN[torch.arange(len(numbers_B)), :, torch.from_numpy(numbers_B)]
            reward_BS = reward_BS + self._config.retrieval_weight * own_BS
        return reward_BS

    def _encode(self, captions: Sequence[Tokens]) -> np.ndarray:
        """Sentence vectors, each distinct caption encoded once in the life of this object."""
        new = sorted({caption for caption in captions if caption not in self._vectors})
        if new:
            vectors = self._encoder.encode([" ".join(caption) for caption in new])
            self._vectors.update(zip(new, vectors, strict=True))
        return np.stack([self._vectors[caption] for caption in captions])


def self_critical_loss(
    decoder: AttentionDecoder,
    batch: Batch,
    vocabulary: Vocabulary,
    reward: Callable[[np.ndarray, list[list[Tokens]]], Tensor],
    config: SelfCriticalConfig,
    max_words: int,
) -> Tensor:
    """−(r − mean r of the other samples)·log p(sample), over the mean length of the samples."""
    decoder.eval()
    with torch.inference_mode():
        drawn = sample(
            decoder, decoder.annotate(batch.a_BLD), config.samples, max_words, 1.0, torch.default_generator
        )
    decoder.train()
    words_BST = drawn.words_BKT.clone()
    captions_BS = [[vocabulary.decode(words) for words in photo] for photo in words_BST.tolist()]
    reward_BS = reward(batch.numbers_B, captions_BS)
    others_BS = (reward_BS.sum(dim=1, keepdim=True) - reward_BS) / (config.samples - 1)
    started = F.pad(words_BST, (1, 0), value=START)
    logprob_BS = sequence_logprobs(decoder, batch.a_BLD, started)
    length_BS = (words_BST != PAD).sum(-1).clamp(min=1)
    return -((reward_BS - others_BS) * logprob_BS).mean() / length_BS.float().mean()
