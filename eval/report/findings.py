"""What an evaluation found, with everything that decides a number. Results in, a JSON document out."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from eval.ablation.experiments import Experiment
from eval.ann.benchmark import AnnRow
from eval.calibration.study import CalibrationStudy
from eval.captions.diversity import Diversity
from eval.failures.misses import Failures
from eval.failures.strictness import Strictness
from eval.human_grades.human_judgement import HumanJudgement
from eval.measures.comparisons import Comparison
from eval.measures.system_result import SystemResult
from eval.report.published import PublishedResult
from eval.searching.placements import Placements

# A raw line break is never inside a JSON string, so what this finds is a list of numbers.
_LIST_OF_NUMBERS = re.compile(r"\[\n\s*(-?[\d.eE+-]+(?:,\n\s*-?[\d.eE+-]+)*)\n\s*\]")


@dataclass(frozen=True, slots=True)
class IndexDescription:
    """The index that answered; models by name and SHA-256, as its manifest has them."""

    photos: int
    generation: int
    captioner: dict[str, str]
    text_encoder: dict[str, str]
    image_head: dict[str, str] | None = None
    vectors: tuple[dict[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class AnnResult:
    """What approximate indexes find of the exact neighbours; `sets` says what each set of vectors is.

    `index` is percent of the first ten by vector channel, for the index that was evaluated itself.
    """

    index: Mapping[str, float]
    sets: Mapping[str, str]
    rows: tuple[AnnRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The fields of report.json, in its order; others rely on those up to `captions`.

    `ceiling` is "human caption" (see `ceiling.py`), `sentence_search` the sentences found by photo,
    `placements` where each query's right photo came, by system: every measure can be computed again from
    them. `qrels_sha256` names queries and right photos. `annotations` names the files of captions and
    their hash (`CaptionedDataset.hash_captions`), `left_out` what it lists that was never published.
    """

    dataset: str
    split: str
    photos: int
    queries: int
    systems: Mapping[str, SystemResult]
    captions: Mapping[str, float]
    diversity: Mapping[str, Diversity] = field(default_factory=dict)
    ceiling: Mapping[str, SystemResult] = field(default_factory=dict)
    sentence_search: Mapping[str, SystemResult] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    human_judgement: HumanJudgement | None = None
    sureness: CalibrationStudy | None = None
    strictness: tuple[Strictness, ...] = ()
    failures: Failures | None = None
    ann: AnnResult | None = None
    published: tuple[PublishedResult, ...] = ()
    parts: tuple[Experiment, ...] = ()
    ablation: tuple[Experiment, ...] = ()
    index: IndexDescription
    annotations: Mapping[str, str]
    left_out: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    qrels_sha256: str = ""
    placements: Mapping[str, Placements] = field(default_factory=dict)

    def to_json(self) -> str:
        """The document of report.json; the same report gives the same bytes."""
        content = {
            "dataset": self.dataset,
            "split": self.split,
            "photos": self.photos,
            "queries": self.queries,
            "systems": {name: result.to_dict() for name, result in self.systems.items()},
            "captions": dict(self.captions),
            "diversity": {name: each.to_dict() for name, each in self.diversity.items()},
            "ceiling": {name: result.to_dict() for name, result in self.ceiling.items()},
            "sentence_search": {name: result.to_dict() for name, result in self.sentence_search.items()},
            "comparisons": [asdict(each) | {"significant": each.significant} for each in self.comparisons],
            "human_judgement": self.human_judgement and asdict(self.human_judgement),
            "sureness": self.sureness and asdict(self.sureness),
            "strictness": [asdict(each) for each in self.strictness],
            "failures": self.failures and self.failures.to_dict(),
            "ann": self.ann and asdict(self.ann),
            "published": [asdict(each) for each in self.published],
            "parts": [each.model_dump(mode="json") for each in self.parts],
            "ablation": [each.model_dump(mode="json") for each in self.ablation],
            "index": asdict(self.index),
            "annotations": dict(self.annotations),
            "left_out": list(self.left_out),
            "notices": list(self.notices),
            "config": dict(self.config),
            "versions": dict(self.versions),
            "qrels_sha256": self.qrels_sha256,
            "placements": {
                name: {"above": each.above_J.tolist(), "tied": each.tied_J.tolist()}
                for name, each in self.placements.items()
            },
        }
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        return _LIST_OF_NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"
