"""Additive attention: where on the grid the decoder looks before it says the next word."""

from torch import Tensor, nn


class AdditiveAttention(nn.Module):
    """e_tj = v_aᵀ tanh(W_a h^(t-1) + U_a φ_j),  α_t = softmax(e_t),  C_t = Σ_j α_tj φ_j.

    Bahdanau, Cho and Bengio 2015, section A.1.2; over photos, Xu et al. 2015, equations 4 to 6 ("soft").
    Shapes: B photos, K captions of each (references, beams or samples), L locations, F features of φ,
    H hidden units, A attention units.
    """

    def __init__(self, hidden_size: int, feature_size: int, attention_size: int) -> None:
        super().__init__()
        self.w_a = nn.Linear(hidden_size, attention_size)
        self.u_a = nn.Linear(feature_size, attention_size, bias=False)
        self.v_a = nn.Linear(attention_size, 1, bias=False)

    def keys(self, phi_BLF: Tensor) -> Tensor:
        """U_a φ, (B, L, A): the part that does not change from word to word."""
        keys_BLA: Tensor = self.u_a(phi_BLF)
        return keys_BLA

    def forward(self, h_BKH: Tensor, phi_BLF: Tensor, keys_BLA: Tensor) -> tuple[Tensor, Tensor]:
        """Context vectors C (B, K, F) and attention weights α (B, K, L), which sum to 1 over L."""
        alpha_BKL = self.energies(h_BKH, keys_BLA).float().softmax(dim=-1)
        return alpha_BKL.to(phi_BLF.dtype) @ phi_BLF, alpha_BKL

    def energies(self, h_BKH: Tensor, keys_BLA: Tensor) -> Tensor:
        """E (B, K, L)."""
        query_BK1A = self.w_a(h_BKH).unsqueeze(2)
        e_BKL1: Tensor = self.v_a((query_BK1A + keys_BLA.unsqueeze(1)).tanh())
        return e_BKL1.squeeze(-1)
