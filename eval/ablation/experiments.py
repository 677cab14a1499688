"""What each part gives, and what was tried, on the split of a dataset that its rows name.

Reads DATASET.json beside this file, which `retrieve ablate` wrote, and DATASET.toml, written by hand. Nothing
of it is measured when a report is made: each row says what it was measured by, once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from retrieval.config import Config, load_config

_FOLDER = Path(__file__).parent
_ROUNDING = 0.1

Percent = Annotated[float, Field(ge=0, le=100)]
Points = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Measure = Literal["Recall@1", "Recall@5", "Recall@10"]


class Experiment(Config):
    """One row: `recall` is Recall@1, 5 and 10 in percent, `cider` that of the captions, where measured.

    `base` names the row that it is compared with. `gain` is the difference in points of single measures,
    where no more than that was kept; `interval` the 95 % interval of the difference in mean recall, where
    there is one. `measured_by` is the command, the commit or the file that says so. `kept` says whether it is
    how things are done today; an "option" is in the code, and off; "weights" are shipped, and how they were
    made is not in the code.
    """

    name: Text
    what: Text
    split: Text = "val"
    recall: tuple[Percent, Percent, Percent] | None = None
    cider: Annotated[float, Field(ge=0)] | None = None
    base: str | None = None
    gain: Mapping[Measure, Points] = Field(default_factory=dict)
    interval: tuple[Points, Points] | None = None
    cost: str = ""
    kept: bool | Literal["option", "weights"]
    measured_by: Text

    @model_validator(mode="after")
    def _require_numbers(self) -> "Experiment":
        if self.recall is None and self.cider is None and not self.gain:
            raise ValueError(f"found no number in {self.name!r}, expected recall, cider or gain")
        if self.recall is not None and sorted(self.recall) != list(self.recall):
            raise ValueError(f"found {self.recall} in {self.name!r}, expected Recall@1, 5 and 10 in order")
        if self.base is None and (self.gain or self.interval is not None):
            raise ValueError(f"found a difference in {self.name!r}, expected the base that it is to")
        return self


class Ablation(Config):
    """All rows of a dataset, each after its base."""

    experiment: tuple[Experiment, ...] = ()

    @field_validator("experiment")
    @classmethod
    def _require_bases(cls, experiments: tuple[Experiment, ...]) -> tuple[Experiment, ...]:
        before: dict[str, Experiment] = {}
        for each in experiments:
            if each.name in before:
                raise ValueError(f"found {each.name!r} twice, expected another name")
            if each.base is not None and each.base not in before:
                raise ValueError(f"found the base {each.base!r} of {each.name!r}, expected a row before it")
            _require_interval(each, before)
            before[each.name] = each
        return experiments


def read_parts(dataset: str) -> tuple[Experiment, ...]:
    """What each part gives, in the file's order; none where there is no file."""
    known = {path.stem: path for path in _FOLDER.glob("*.json")}
    return Ablation.model_validate_json(known[dataset].read_bytes()).experiment if dataset in known else ()


def read_experiments(dataset: str) -> tuple[Experiment, ...]:
    """What was tried, in the file's order; none where there is no file.

    Raises:
        ConfigError: the file says something impossible.
    """
    known = {path.stem: path for path in _FOLDER.glob("*.toml")}
    return load_config(Ablation, known[dataset]).experiment if dataset in known else ()


def find_base(experiment: Experiment, others: Sequence[Experiment]) -> Experiment | None:
    """The row that it is compared with; None without one."""
    return next((each for each in others if each.name == experiment.base), None)


def find_difference(experiment: Experiment, others: Sequence[Experiment]) -> float | None:
    """By how many points its mean recall is above its base's; None where either is not known."""
    base = find_base(experiment, others)
    if base is None or base.recall is None or experiment.recall is None or base.split != experiment.split:
        return None
    return fmean(experiment.recall) - fmean(base.recall)


def _require_interval(experiment: Experiment, before: Mapping[str, Experiment]) -> None:
    if experiment.interval is None:
        return
    low, high = experiment.interval
    difference = find_difference(experiment, list(before.values()))
    if low > high or (difference is not None and not low - _ROUNDING <= difference <= high + _ROUNDING):
        raise ValueError(
            f"found the interval [{low}, {high}] of {experiment.name!r}, expected one around {difference}"
        )
