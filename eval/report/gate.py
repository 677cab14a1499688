"""The gate: is any system significantly worse than in an older report? Reads an old report.json.

Every system of the old report is compared with the one of the same name, query by query, in every measure
that is a share; all comparisons are one family for Holm's correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from eval.config import EvalConfig
from eval.dataset.collection import Collection
from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.comparisons import Comparison, Shares, compare_pairs
from eval.measures.significance import PhotoPermutation
from eval.measures.system_result import measure_shares
from eval.report.findings import Report
from eval.searching.placements import Placements
from retrieval.config import describe_first
from retrieval.errors import RetrievalError, UsageError
from retrieval.naming import name_first

_Count = Annotated[int, Field(ge=0)]


class RegressionError(RetrievalError):
    """A system is significantly worse than it was."""


class _Placed(BaseModel):
    above: list[_Count]
    tied: list[Annotated[int, Field(ge=1)]]


class _Document(BaseModel):
    dataset: str
    split: str
    qrels_sha256: str
    systems: dict[str, object]
    placements: dict[str, _Placed]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the gate needs of an old report."""

    path: Path
    dataset: str
    split: str
    qrels_sha256: str
    shares: dict[str, Shares]


def read_baseline(path: Path) -> Baseline:
    """An old report.json.

    Raises:
        UsageError: no such file, or not a report.json of `retrieve eval`.
    """
    try:
        document = _Document.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read the baseline {path}: {error.strerror}; give a report.json") from None
    except ValidationError as error:
        raise UsageError(
            f"the baseline {path} is not a report.json of this program: {describe_first(error)}; "
            "make it anew with `retrieve eval`"
        ) from None
    shares: dict[str, Shares] = {}
    for name in document.systems:
        placed = document.placements.get(name)
        if placed is None or not placed.above or len(placed.above) != len(placed.tied):
            raise UsageError(
                f"the baseline {path} lacks the placements of its system {name!r}; make it anew with "
                "`retrieve eval`"
            )
        above, tied = np.array(placed.above, dtype=np.int64), np.array(placed.tied, dtype=np.int64)
        shares[name] = measure_shares(Placements(len(above), np.arange(len(above)), above, tied))
    return Baseline(path, document.dataset, document.split, document.qrels_sha256, shares)


def check_comparable(baseline: Baseline, qrels_sha256: str, collection: Collection) -> None:
    """`UsageError` unless the baseline answers the same queries, all of them."""
    if baseline.qrels_sha256 != qrels_sha256:
        raise UsageError(
            f"the baseline {baseline.path} is of other queries or photos ({baseline.dataset}, split "
            f"{baseline.split}), expected those of {collection.dataset}, split {collection.split}; "
            "compare like with like"
        )
    queries = len(collection.queries)
    for name, shares in baseline.shares.items():
        if (placed := len(next(iter(shares.values())))) != queries:
            raise UsageError(
                f"the baseline {baseline.path} has {placed} placements of its system {name!r}, expected "
                f"{queries}; make it anew with `retrieve eval`"
            )


def compare_with_baseline(
    report: Report, baseline: Baseline, photo_Q: np.ndarray, config: EvalConfig
) -> tuple[Comparison, ...]:
    """Each system now ("first") against itself in the baseline ("second").

    `RegressionError` naming systems of the baseline that are gone: nothing would be known of them.
    """
    if gone := [name for name in baseline.shares if name not in report.systems]:
        raise RegressionError(
            f"the baseline {baseline.path} has systems that are gone now ({name_first(gone)}); "
            f"expected all of them beside {', '.join(report.systems)}"
        )
    return compare_pairs(
        [
            ((name, measure_shares(report.placements[name])), (f"{name} in the baseline", old))
            for name, old in baseline.shares.items()
        ],
        PhotoBootstrap(photo_Q, config.bootstrap_resamples, config.seed),
        PhotoPermutation(photo_Q, config.permutations, config.seed),
    )


def refuse_regressions(comparisons: Sequence[Comparison], path: Path) -> None:
    """`RegressionError` saying which systems are significantly worse and by how much."""
    worse = [each for each in comparisons if each.significant and each.difference < 0]
    if worse:
        described = "; ".join(map(_describe, worse))
        raise RegressionError(f"significantly worse than {path}: {described}")


def describe_comparisons(comparisons: Sequence[Comparison], path: Path) -> str:
    """One line on a gate that was passed."""
    better = [each for each in comparisons if each.significant and each.difference > 0]
    described = f"; better: {'; '.join(map(_describe, better))}" if better else ""
    return f"not significantly worse than {path}{described}"


def _describe(each: Comparison) -> str:
    return (
        f"{each.first} {each.measure} {each.difference:+.1f} points "
        f"[{each.ci95[0]:+.1f}, {each.ci95[1]:+.1f}], p = {each.p_holm:.2g}"
    )
