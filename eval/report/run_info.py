"""What differs between runs of one evaluation: times, machine, command. Facts in, run-info.json out.

report.json has none of it, so that two runs on one machine give the same bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The fields of run-info.json.

    `seconds` is the whole run's wall time and `stages` what its parts took, `finished` ISO 8601. `ann_speed`
    goes with report.json's `ann.rows`, one for one.
    """

    command: str = ""
    hardware: str = ""
    seconds: float = 0.0
    finished: str = ""
    stages: Mapping[str, float] = field(default_factory=dict)
    ann_speed: tuple[Mapping[str, float], ...] = ()

    def to_json(self) -> str:
        """The document of run-info.json."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
