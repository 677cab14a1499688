"""The causes of a miss, and the rule that picks one. Facts about one query in, a cause out."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MENTIONED = 0.5
"""A caption mentions a query's content where it has at least this share of its content words."""


class Cause(StrEnum):
    """Where the right photo was lost."""

    CAPTION = "caption"
    VECTORS = "vectors"
    FUSION = "fusion"
    APPROXIMATE_INDEX = "approximate_index"


DESCRIPTIONS: Mapping[Cause, str] = {
    Cause.CAPTION: "the caption does not mention it",
    Cause.VECTORS: "the caption mentions it, the vectors do not bring it up",
    Cause.FUSION: "a channel had it among the first, the fusion buried it",
    Cause.APPROXIMATE_INDEX: "the approximate index skipped it, exact search has it among the first",
}


@dataclass(frozen=True, slots=True)
class Miss:
    """What is known of a query whose right photo is not among the first.

    `ranks` are those of the systems on their own, `skipped` says that an approximate index left out what
    exact search has among the first, `mentioned` is the share of the query's content words that the caption
    has.
    """

    query: int
    rank: float
    ranks: Mapping[str, float]
    skipped: bool
    mentioned: float


def find_cause(miss: Miss, depth: int, is_fused: bool) -> Cause:
    """The first that holds: skipped by the index, buried by the fusion, not in the caption; else the vectors.

    The order is that of the last step at which the photo could still have been saved.
    """
    if miss.skipped:
        return Cause.APPROXIMATE_INDEX
    if is_fused and min(miss.ranks.values()) <= depth:
        return Cause.FUSION
    return Cause.CAPTION if miss.mentioned < MENTIONED else Cause.VECTORS
