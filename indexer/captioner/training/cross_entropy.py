"""The loss: cross-entropy with teacher forcing, and doubly stochastic attention.

That is, every word of every caption after people's words before it, and attention that visits the whole
photo.
"""

from torch import Tensor
from torch.nn import functional as F

from indexer.captioner.config import TrainingConfig
from indexer.captioner.encoder_decoder import EncoderDecoder
from indexer.captioner.training.examples import Batch
from indexer.captioner.vocabulary import PAD


def cross_entropy_loss(model: EncoderDecoder, batch: Batch, config: TrainingConfig) -> Tensor:
    """−log p of the words with label smoothing, plus λ·mean_j(1 − Σ_t α_tj)² (Xu et al. 2015, eq. 14)."""
    photos = model.annotate(batch.seen)
    logits_BKTV, alpha_BKTL = model.decoder(photos, batch.words_BKT[:, :, :-1])
    target_BKT = batch.words_BKT[:, :, 1:]
    word_loss = F.cross_entropy(
        logits_BKTV.flatten(0, 2).float(),
        target_BKT.flatten(),
        ignore_index=PAD,
        label_smoothing=config.label_smoothing,
    )
    is_word_BKT1 = (target_BKT != PAD).unsqueeze(-1)
    visited_BKL = (alpha_BKTL * is_word_BKT1).sum(dim=2)
    is_caption_BK = is_word_BKT1.any(dim=2).squeeze(-1)
    attention_loss = (1 - visited_BKL[is_caption_BK]).square().mean()
    loss: Tensor = word_loss + config.doubly_stochastic * attention_loss
    return loss
