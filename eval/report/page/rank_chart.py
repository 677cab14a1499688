"""At which rank the right photos come. A `Report` in, bars out, for report.html.j2."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.measures.rank_measures import recall_at
from eval.report.findings import Report
from eval.searching.placements import Placements

_BINS = ((1, 1), (2, 5), (6, 10), (11, 20), (21, 50), (51, 100), (101, 1000), (1001, None))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin of ranks: its label, the share of queries in percent, and its height from 0 to 100."""

    label: str
    share: float
    height: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """The ranks of one system."""

    name: str
    color: int
    bars: tuple[Bar, ...]


def draw_ranks(report: Report) -> list[Histogram]:
    """How many queries have their photo at which rank, by system."""
    bins = [(low, high) for low, high in _BINS if low <= report.photos]
    shares = {
        name: _bin_ranks(placements, bins, report.photos) for name, placements in report.placements.items()
    }
    highest = max(max(each) for each in shares.values())
    return [
        Histogram(
            name,
            color,
            tuple(
                Bar(_label_bin(low, high), share, round(100 * share / highest, 1))
                for (low, high), share in zip(bins, each, strict=True)
            ),
        )
        for color, (name, each) in enumerate(shares.items())
    ]


def _bin_ranks(placements: Placements, bins: Sequence[tuple[int, int | None]], photos: int) -> list[float]:
    """In percent; a tied photo is in each bin with its probability, so that bins add up to Recall@k."""
    return [
        float(100 * np.mean(recall_at(placements, high or photos) - recall_at(placements, low - 1)))
        for low, high in bins
    ]


def _label_bin(low: int, high: int | None) -> str:
    if high is None:
        return f"> {low - 1:,}"
    return str(low) if low == high else f"{low}–{high}"
