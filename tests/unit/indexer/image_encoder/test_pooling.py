"""Numbers of photos' annotations are those of the whole batch in float32."""

import pytest
import torch

from indexer.image_encoder.pooling import pool_photos


@pytest.mark.parametrize("photos", [1, 4, 9])
def test_parts_give_what_the_whole_batch_gives(photos: int) -> None:
    a_BLD = torch.randn(photos, 6, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    seen = []

    def pool(part_BLD: torch.Tensor) -> torch.Tensor:
        assert part_BLD.dtype is torch.float32
        seen.append(len(part_BLD))
        return part_BLD.amax(dim=1)

    assert torch.equal(pool_photos(a_BLD, pool), a_BLD.float().amax(dim=1))
    assert sum(seen) == photos
    assert max(seen) <= 4


def test_elsewhere_the_batch_is_taken_whole() -> None:
    seen = []

    def pool(part_BLD: torch.Tensor) -> torch.Tensor:
        seen.append(len(part_BLD))
        return part_BLD.amax(dim=1)

    assert pool_photos(torch.empty(9, 6, 5, dtype=torch.bfloat16, device="meta"), pool).shape == (9, 5)
    assert seen == [9]
