"""Attention without tanh is the attention with it."""

import pytest
import torch

from indexer.captioner.attention import AdditiveAttention
from indexer.captioner.exponential_attention import ExponentialAttention, exponentiate


@pytest.mark.parametrize("size", [1.0, 30.0, 1000.0])
@torch.no_grad()
def test_it_is_additive_attention_however_large_the_numbers(size: float) -> None:
    torch.manual_seed(0)
    attention = AdditiveAttention(hidden_size=6, feature_size=5, attention_size=4)
    attention.w_a.weight.mul_(size)
    h_BKH, phi_BLF = torch.randn(2, 3, 6), torch.randn(2, 9, 5)
    other = ExponentialAttention(attention)
    keys_BLA = attention.keys(phi_BLF)
    expected = attention(h_BKH, phi_BLF, keys_BLA)
    torch.testing.assert_close(other(h_BKH, phi_BLF, exponentiate(keys_BLA)), expected)


@torch.no_grad()
def test_exponentials_of_all_numbers_are_numbers_that_can_be_multiplied() -> None:
    x = torch.tensor([-1e4, -50.0, -1.0, 0.0, 0.5, 50.0, 1e4])
    for dtype in (torch.float32, torch.bfloat16):
        e = exponentiate(x).to(dtype).float()
        assert torch.isfinite(e).all()
        assert not (e[:, None] * e).isnan().any()
        assert (e > 0).all()
    torch.testing.assert_close(exponentiate(x)[2:5], torch.tensor([-2.0, 0.0, 1.0]).exp())
