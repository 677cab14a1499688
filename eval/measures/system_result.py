"""How one system did: placements in, measures with intervals out. Reads nothing, writes nothing."""

from dataclasses import dataclass

import numpy as np

from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.rank_measures import SHARES, first_rank, recall_at, success_at
from eval.searching.placements import Placements

_SUCCESS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class SystemResult:
    """How a system did: `measures` in percent but for the ranks, which count from 1, and their intervals."""

    measures: dict[str, float]
    ci95: dict[str, tuple[float, float]]

    def to_dict(self) -> dict[str, object]:
        """As report.json has it."""
        return {**self.measures, "ci95": self.ci95}


def measure_shares(placements: Placements) -> dict[str, np.ndarray]:
    """Percent by measure, float64 per query (Q,)."""
    return {name: 100 * measure(placements) for name, measure in SHARES.items()}


def measure_system(placements: Placements, bootstrap: PhotoBootstrap) -> SystemResult:
    """All measures of photos found by sentence, and their 95 % intervals over photos."""
    return _measure(measure_shares(placements), first_rank(placements), bootstrap)


def measure_sentence_search(placements: Placements, bootstrap: PhotoBootstrap) -> SystemResult:
    """All measures of sentences found by photo; Success@k is what papers call R@k there."""
    shares = {f"Success@{k}": 100 * success_at(placements, k) for k in _SUCCESS}
    shares |= {f"Recall@{k}": 100 * recall_at(placements, k) for k in _SUCCESS}
    shares |= {name: 100 * SHARES[name](placements) for name in ("MRR", "nDCG@10")}
    return _measure(shares, first_rank(placements), bootstrap)


def _measure(shares: dict[str, np.ndarray], ranks_Q: np.ndarray, bootstrap: PhotoBootstrap) -> SystemResult:
    return SystemResult(
        measures={name: float(values_Q.mean()) for name, values_Q in shares.items()}
        | {"median_rank": float(np.median(ranks_Q)), "mean_rank": float(ranks_Q.mean())},
        ci95={name: bootstrap.interval_of_mean(values_Q) for name, values_Q in shares.items()}
        | {
            "median_rank": bootstrap.interval_of_median(ranks_Q),
            "mean_rank": bootstrap.interval_of_mean(ranks_Q),
        },
    )
