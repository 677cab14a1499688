"""From measured figures to more photos than were measured. Figures in, figures out.

Bytes grow with the number of photos, and so do hours; the time of a query as it grew between the two largest
sizes that were measured, t(N) = t(M) (N / M)^p with p = log(t(M) / t(L)) / log(M / L). Where every vector is
compared p is 1 at least, in lists and graphs 1/2: so grow the lists of an index and what is in each.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from eval.growth.measurement import Grown
from retrieval.channels.flat_index import FlatIndex

_HOUR = 3600.0
_LEAST_POWER_OF_ALL, _LEAST_POWER = 1.0, 0.5


@dataclass(frozen=True, slots=True)
class Law:
    """How a kind's query grows, from its largest measured size on."""

    kind: str
    measured: int
    query_ms: float
    power: float
    vector_bytes: float

    def query_ms_of(self, photos: int) -> float:
        """Milliseconds of one query among so many."""
        return float(self.query_ms * (photos / self.measured) ** self.power)


def find_laws(grown: Sequence[Grown]) -> list[Law]:
    """One for each kind, in the order in which they come; each must have been measured at two sizes."""
    laws = []
    for kind in dict.fromkeys(each.kind for each in grown):
        sizes = sorted((each for each in grown if each.kind == kind), key=lambda each: each.vectors)
        less, most = sizes[-2:]
        measured = math.log(most.query_ms / less.query_ms) / math.log(most.vectors / less.vectors)
        power = max(measured, _LEAST_POWER_OF_ALL if kind == FlatIndex.kind else _LEAST_POWER)
        laws.append(Law(kind, most.vectors, most.query_ms, power, most.disk_bytes / most.vectors))
    return laws


def count_hours(photos: int, photos_per_second: float) -> float:
    """Hours that so many photos take at this rate."""
    return photos / photos_per_second / _HOUR
