"""Hubs are marked down by exactly what they are nearer to the bank than is usual."""

import math

import torch
from torch.nn import functional as F

from indexer.image_head.hubs import Hubs, extend_queries


def draw_unit(seed: int, rows: int) -> torch.Tensor:
    return F.normalize(torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_a_photo_is_as_near_to_the_bank_as_the_softmax_over_it_says() -> None:
    hubs, photos_BE, bank_ME = Hubs(5, 8, 0.1, 0.5), draw_unit(1, 3), draw_unit(2, 5)
    expected = [
        0.1 * math.log(sum(math.exp(float(photo @ sentence) / 0.1) for sentence in bank_ME) / 5)
        for photo in photos_BE
    ]
    torch.testing.assert_close(hubs.measure(photos_BE, bank_ME), torch.tensor(expected))


def test_vectors_stay_unit_and_their_inner_product_is_the_corrected_cosine() -> None:
    hubs, photos_BE, queries_NE = Hubs(5, 8, 0.1, 0.5), draw_unit(1, 3), draw_unit(2, 4)
    hubs.mean.fill_(0.2)
    b_B = torch.tensor([0.2, 0.21, 0.17])
    extended_BE, searching_NE = hubs.extend(photos_BE, b_B), extend_queries(queries_NE)
    torch.testing.assert_close(extended_BE.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(searching_NE.norm(dim=1), torch.ones(4))
    corrected_NB = queries_NE @ photos_BE.T - 0.5 * (b_B - 0.2)
    # β² of these is 0.0007 at most.
    torch.testing.assert_close(
        searching_NE @ extended_BE.T, math.sqrt(0.75) * corrected_NB, atol=0.0005, rtol=0
    )


def test_the_nearest_photo_to_everything_no_longer_wins_everywhere() -> None:
    corners = ([1.0, 0.0], [0.0, 1.0], [1.0, 1.0])
    east, north, between = (F.normalize(torch.tensor([each]), dim=1) for each in corners)
    photos_BE, queries_NE = torch.cat([east, north, between]), F.normalize(torch.tensor([[2.3, 1], [1, 2.3]]))
    hubs = Hubs(2, 2, 0.05, 0.75)
    b_B = hubs.measure(photos_BE, torch.cat([between, between]))
    hubs.mean.copy_(b_B.mean())
    assert (queries_NE @ photos_BE.T).argmax(dim=1).tolist() == [2, 2]
    corrected_NB = extend_queries(queries_NE) @ hubs.extend(photos_BE, b_B).T
    assert corrected_NB.argmax(dim=1).tolist() == [0, 1]
