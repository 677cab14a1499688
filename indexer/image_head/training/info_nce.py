"""The loss: a photo and its own captions score above other captions and other photos.

Shapes: B photos, K captions of each, N = B·K, M further captions, E dimensions.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def info_nce(image_BE: Tensor, text_BKE: Tensor, further_ME: Tensor, own_BM: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE (van den Oord et al. 2018) where every one of a photo's captions is right.

    From photos: −mean_k log p(caption k | photo), over all captions of the batch and the further ones, but
    for those that `own_BM` says are the photo's own. From captions: −log p(photo | caption), over the photos
    of the batch. All vectors are of unit length; `scale` multiplies their inner products.
    """
    batch, captions_each = text_BKE.shape[:2]
    device = image_BE.device
    text_NE = text_BKE.flatten(0, 1)
    logits_BN = (scale * (image_BE @ torch.cat([text_NE, further_ME]).T)).float()
    is_own_BN = F.pad(own_BM, (len(text_NE), 0))
    rows_B1 = torch.arange(batch, device=device).unsqueeze(1)
    columns_BK = torch.arange(batch * captions_each, device=device).view(batch, captions_each)
    logprobs_BN = logits_BN.masked_fill(is_own_BN, -torch.inf).log_softmax(dim=1)
    from_photos = -logprobs_BN[rows_B1, columns_BK].mean()
    answers_N = torch.arange(batch, device=device).repeat_interleave(captions_each)
    from_captions = F.cross_entropy((scale * (text_NE @ image_BE.T)).float(), answers_N)
    return 0.5 * (from_photos + from_captions)
