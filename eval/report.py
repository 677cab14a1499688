"""What an evaluation found, with everything that decides a number. Placements in, a JSON document out."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from eval.bootstrap import PhotoBootstrap
from eval.measures import SHARES, first_rank
from eval.placements import Placements


@dataclass(frozen=True, slots=True)
class SystemResult:
    """How one channel or fusion did: `measures` in percent but for `median_rank`, and their intervals."""

    measures: dict[str, float]
    ci95: dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class IndexDescription:
    """The index that answered; models by name and SHA-256 of their weights."""

    photos: int
    generation: int
    captioner: dict[str, str] | None
    text_encoder: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The fields of report.json, in its order; DESIGN.md gives the first six.

    `annotations` is the file of captions and its SHA-256, `left_out` what it lists that was never published.
    `seconds` and `finished` (ISO 8601) are the only fields that differ between two runs on one machine.
    """

    dataset: str
    split: str
    photos: int
    queries: int
    systems: Mapping[str, SystemResult]
    captions: Mapping[str, float]
    index: IndexDescription
    annotations: dict[str, str]
    left_out: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    config: dict[str, object] = field(default_factory=dict)
    command: str = ""
    hardware: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    finished: str = ""

    def to_json(self) -> str:
        """The document of report.json."""
        content = asdict(self)
        content["systems"] = {
            name: {**result.measures, "ci95": result.ci95} for name, result in self.systems.items()
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def measure_system(placements: Placements, bootstrap: PhotoBootstrap) -> SystemResult:
    """All measures of a system and their 95 % intervals over photos."""
    shares = {name: 100 * measure(placements) for name, measure in SHARES.items()}
    ranks_Q = first_rank(placements)
    return SystemResult(
        measures={name: float(values_Q.mean()) for name, values_Q in shares.items()}
        | {"median_rank": float(np.median(ranks_Q))},
        ci95={name: bootstrap.interval_of_mean(values_Q) for name, values_Q in shares.items()}
        | {"median_rank": bootstrap.interval_of_median(ranks_Q)},
    )
