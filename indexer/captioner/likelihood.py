"""log p(sentence | photo): annotations and words in, nats out; nothing is searched for.

Shapes: B photos, T words and END, V words in the vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from indexer.captioner.decoder import Annotated, AttentionDecoder
from indexer.captioner.vocabulary import END, START


@torch.inference_mode()
def measure_log_likelihood(decoder: AttentionDecoder, photos: Annotated, words: Sequence[int]) -> Tensor:
    """Log p(words, END | photo) in nats, float32 (B,), by one pass of teacher forcing.

    `words` are numbers of ordinary words, without START and END. The probabilities are those that beam search
    chooses by, so that a caption's is its `logprob`.
    """
    device = photos.phi_BLF.device
    read_B1T = torch.tensor([START, *words], device=device).expand(photos.phi_BLF.shape[0], 1, -1)
    said_T1 = torch.tensor([*words, END], device=device).unsqueeze(1)
    logits_B1TV, _ = decoder(photos, read_B1T)
    said_BTV = logits_B1TV.squeeze(1).float().masked_fill(decoder.never_said_V, -torch.inf)
    logprobs_BT1 = said_BTV.log_softmax(dim=-1).gather(-1, said_T1.expand(len(said_BTV), -1, -1))
    total_B: Tensor = logprobs_BT1.sum(dim=(1, 2))
    return total_B
