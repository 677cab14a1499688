"""InfoNCE with several right captions per photo, against the formula written out."""

import torch
from torch.nn import functional as F

from indexer.image_head.training.info_nce import info_nce


def make_vectors(*shape: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_the_loss_is_the_mean_of_both_directions() -> None:
    image_BE, text_BKE = make_vectors(3, 4, seed=0), make_vectors(3, 2, 4, seed=1)
    further_ME, scale = make_vectors(5, 4, seed=2), torch.tensor(7.0)
    own_BM = torch.zeros(3, 5, dtype=torch.bool)
    own_BM[1, 4] = True
    from_photos, from_captions = [], []
    for photo in range(3):
        candidates = [*text_BKE.flatten(0, 1)]
        candidates += [further_ME[m] for m in range(5) if not own_BM[photo, m]]
        weights = torch.stack([(scale * image_BE[photo] @ text).exp() for text in candidates])
        for caption in range(2):
            own = (scale * image_BE[photo] @ text_BKE[photo, caption]).exp()
            from_photos.append(-(own / weights.sum()).log())
            photos = torch.stack([(scale * image @ text_BKE[photo, caption]).exp() for image in image_BE])
            from_captions.append(-(own / photos.sum()).log())
    expected = 0.5 * (torch.stack(from_photos).mean() + torch.stack(from_captions).mean())
    torch.testing.assert_close(info_nce(image_BE, text_BKE, further_ME, own_BM, scale), expected)


def test_a_photo_with_its_own_captions_has_less_loss_than_with_anothers() -> None:
    image_BE = make_vectors(4, 8, seed=0)
    text_BKE = image_BE.unsqueeze(1).expand(-1, 2, -1)
    none = torch.zeros(0, 8), torch.zeros(4, 0, dtype=torch.bool)
    right = info_nce(image_BE, text_BKE, *none, torch.tensor(10.0))
    wrong = info_nce(image_BE, text_BKE.roll(1, dims=0), *none, torch.tensor(10.0))
    assert right < wrong
