"""Every miss of a system, counted by cause, and the worst of them. Ranks and captions in, failures out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from eval.dataset.collection import Collection
from eval.failures.causes import DESCRIPTIONS, Cause, Miss, find_cause
from eval.failures.words import share_mentioned
from retrieval.captioned_dataset import tokenize


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One of the worst misses: the photo by its name in the dataset, ranks by system, and what came first."""

    query: str
    text: str
    photo: str
    caption: str
    cause: Cause
    mentioned: float
    ranks: dict[str, float]
    instead: str
    instead_caption: str


@dataclass(frozen=True, slots=True)
class Failures:
    """The misses of `system`: right photos that are not among its first `depth`.

    `counts` is misses by cause, `found_by_human_caption` how many of them one human caption in the place of
    the stored one would have brought among the first (None where that is not known).
    """

    system: str
    depth: int
    misses: int
    counts: dict[str, int]
    found_by_human_caption: dict[str, int] | None
    worst: tuple[Exhibit, ...]

    def to_dict(self) -> dict[str, object]:
        """As report.json has it."""
        return asdict(self) | {"causes": {cause.value: text for cause, text in DESCRIPTIONS.items()}}


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the misses are looked for in.

    `ranks` are float64 (queries,) by system, `captions` the stored ones by photo, `ceiling` the ranks with
    one human caption, `skipped` bool (queries,): an approximate index left the right photo out.
    """

    ranks: Mapping[str, np.ndarray]
    captions: Sequence[str]
    ceiling: np.ndarray | None
    skipped: np.ndarray


def find_misses(collection: Collection, evidence: Evidence, system: str, depth: int) -> list[Miss]:
    """The misses of a system, worst first."""
    ranks_Q = evidence.ranks[system]
    others = {name: each_Q for name, each_Q in evidence.ranks.items() if name != system}
    misses = []
    for number in np.flatnonzero(ranks_Q > depth).tolist():
        query = collection.queries[number]
        mentioned = share_mentioned(tokenize(query.text), tokenize(evidence.captions[query.photo]))
        ranks = {name: float(each_Q[number]) for name, each_Q in others.items()}
        skipped = bool(evidence.skipped[number])
        misses.append(Miss(number, float(ranks_Q[number]), ranks, skipped, mentioned))
    return sorted(misses, key=lambda miss: (-miss.rank, miss.query))


def explain_misses(
    collection: Collection, evidence: Evidence, system: str, depth: int
) -> tuple[Failures, list[tuple[Miss, Cause]]]:
    """The counts, without the worst, and each miss with its cause, worst first."""
    is_fused = len(evidence.ranks) > 1
    explained = [
        (miss, find_cause(miss, depth, is_fused)) for miss in find_misses(collection, evidence, system, depth)
    ]
    counts = Counter(cause for _, cause in explained)
    saved = None
    if evidence.ceiling is not None:
        found = Counter(cause for miss, cause in explained if evidence.ceiling[miss.query] <= depth)
        saved = {cause.value: found[cause] for cause in Cause}
    by_cause = {cause.value: counts[cause] for cause in Cause}
    return Failures(system, depth, len(explained), by_cause, saved, ()), explained


def pick_worst(
    collection: Collection, explained: Sequence[tuple[Miss, Cause]], count: int
) -> list[tuple[Miss, Cause]]:
    """The worst of different photos."""
    by_photo: dict[int, tuple[Miss, Cause]] = {}
    for miss, cause in explained:
        by_photo.setdefault(collection.queries[miss.query].photo, (miss, cause))
    return list(by_photo.values())[:count]
