"""The gate: a system that got worse is found out, one that wavers is not."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.config import EvalConfig
from eval.dataset.collection import Collection
from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.system_result import measure_system
from eval.report.findings import IndexDescription, Report
from eval.report.gate import (
    RegressionError,
    check_comparable,
    compare_with_baseline,
    describe_comparisons,
    read_baseline,
    refuse_regressions,
)
from eval.searching.placements import Placements
from retrieval.errors import UsageError
from tests.people import PEOPLE

PHOTO_Q = np.repeat(np.arange(100), 5)
CONFIG = EvalConfig(bootstrap_resamples=200, permutations=999)


def make_report(above: np.ndarray, names: tuple[str, ...] = ("caption",)) -> Report:
    placements = Placements(500, np.arange(500), above, np.ones(500, dtype=np.int64))
    result = measure_system(placements, PhotoBootstrap(PHOTO_Q, 100, 0))
    return Report(
        dataset="tiny",
        split="test",
        photos=100,
        queries=500,
        systems=dict.fromkeys(names, result),
        captions={},
        index=IndexDescription(100, 1, asdict(PEOPLE), {"name": "words", "sha256": "ab" * 32}),
        annotations={"name": "captions.jsonl", "sha256": "cd" * 32},
        qrels_sha256="ef" * 32,
        placements=dict.fromkeys(names, placements),
    )


@pytest.fixture
def good() -> np.ndarray:
    return np.random.default_rng(0).geometric(0.2, size=500) - 1


def save(path: Path, report: Report) -> Path:
    path.write_text(report.to_json())
    return path


def test_the_same_system_passes(tmp_path: Path, good: np.ndarray) -> None:
    baseline = read_baseline(save(tmp_path / "old.json", make_report(good)))
    comparisons = compare_with_baseline(make_report(good), baseline, PHOTO_Q, CONFIG)
    assert {each.difference for each in comparisons} == {0}
    refuse_regressions(comparisons, baseline.path)
    assert describe_comparisons(comparisons, baseline.path) == f"not significantly worse than {baseline.path}"


def test_a_system_that_got_worse_is_named_with_how_much(tmp_path: Path, good: np.ndarray) -> None:
    baseline = read_baseline(save(tmp_path / "old.json", make_report(good)))
    comparisons = compare_with_baseline(make_report(good + 3), baseline, PHOTO_Q, CONFIG)
    with pytest.raises(
        RegressionError, match=r"significantly worse than .*old.json: caption Recall@1 -\d+"
    ) as raised:
        refuse_regressions(comparisons, baseline.path)
    assert raised.value.exit_code == 1
    assert "points [-" in str(raised.value)
    assert "p = 0.005" in str(raised.value)  # 1 in 1,000, of five measures.


def test_a_system_that_got_better_passes_and_is_told(tmp_path: Path, good: np.ndarray) -> None:
    baseline = read_baseline(save(tmp_path / "old.json", make_report(good + 3)))
    comparisons = compare_with_baseline(make_report(good), baseline, PHOTO_Q, CONFIG)
    refuse_regressions(comparisons, baseline.path)
    assert "; better: caption Recall@1 +" in describe_comparisons(comparisons, baseline.path)


def test_chance_is_no_regression(tmp_path: Path, good: np.ndarray) -> None:
    other = good.copy()
    other[::50] += 1
    other[25::50] = np.maximum(other[25::50] - 1, 0)
    baseline = read_baseline(save(tmp_path / "old.json", make_report(good)))
    refuse_regressions(compare_with_baseline(make_report(other), baseline, PHOTO_Q, CONFIG), baseline.path)


def test_a_system_that_is_gone_is_no_pass(tmp_path: Path, good: np.ndarray) -> None:
    baseline = read_baseline(save(tmp_path / "old.json", make_report(good, ("caption", "image"))))
    with pytest.raises(RegressionError, match=r"systems that are gone now \(image\)"):
        compare_with_baseline(make_report(good), baseline, PHOTO_Q, CONFIG)


def test_a_new_system_is_compared_with_nothing(tmp_path: Path, good: np.ndarray) -> None:
    baseline = read_baseline(save(tmp_path / "old.json", make_report(good)))
    comparisons = compare_with_baseline(make_report(good, ("caption", "image")), baseline, PHOTO_Q, CONFIG)
    assert {each.first for each in comparisons} == {"caption"}


class TestRefusals:
    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"cannot read the baseline .*: No such file"):
            read_baseline(tmp_path / "none.json")

    @pytest.mark.parametrize("change", ["placements", "qrels_sha256", "systems"])
    def test_a_report_that_lacks_something(self, tmp_path: Path, good: np.ndarray, change: str) -> None:
        document: dict[str, Any] = json.loads(make_report(good).to_json())
        del document[change]
        (tmp_path / "old.json").write_text(json.dumps(document))
        with pytest.raises(
            UsageError, match=rf"not a report\.json of this program: {change}: Field required"
        ):
            read_baseline(tmp_path / "old.json")

    def test_no_json(self, tmp_path: Path) -> None:
        (tmp_path / "old.json").write_text("# a report")
        with pytest.raises(UsageError, match=r"is not a report\.json of this program: Invalid JSON"):
            read_baseline(tmp_path / "old.json")

    def test_placements_that_do_not_fit(self, tmp_path: Path, good: np.ndarray) -> None:
        document: dict[str, Any] = json.loads(make_report(good).to_json())
        document["placements"]["caption"]["tied"].pop()
        (tmp_path / "old.json").write_text(json.dumps(document))
        with pytest.raises(UsageError, match="lacks the placements of its system 'caption'"):
            read_baseline(tmp_path / "old.json")

    def test_other_queries(self, tmp_path: Path, good: np.ndarray, small_collection: Collection) -> None:
        report = replace(make_report(good), dataset="other", split="val")
        baseline = read_baseline(save(tmp_path / "old.json", report))
        as_many = replace(small_collection, queries=small_collection.queries[:1] * 500)
        check_comparable(baseline, "ef" * 32, as_many)
        with pytest.raises(UsageError, match="has 500 placements of its system 'caption', expected 501"):
            check_comparable(
                baseline, "ef" * 32, replace(as_many, queries=small_collection.queries[:1] * 501)
            )
        with pytest.raises(
            UsageError, match=r"is of other queries or photos \(other, split val\), expected those of tiny"
        ):
            check_comparable(baseline, "00" * 32, small_collection)
