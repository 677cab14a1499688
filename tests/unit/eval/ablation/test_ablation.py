"""What was tried: the shipped rows say what their sources say, impossible ones are refused, all is shown."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.ablation import experiments
from eval.ablation.experiments import Ablation, find_difference, read_experiments
from eval.report.ablation_tables import tabulate_ablation
from eval.report.markdown import render_markdown
from eval.report.readme import render_results_tables
from retrieval.config import load_config
from retrieval.errors import ConfigError

ROOT = Path(__file__).parents[4]
ROW = {"name": "a", "what": "this", "recall": [1, 2, 3], "kept": True, "measured_by": "hand"}
AGAINST = {**ROW, "name": "b", "base": "a", "recall": [2, 4, 6]}


def read_source(name: str) -> str | None:
    """The text of a file that is named, as it is or as it was in a commit; None where it is no file."""
    commit, _, path = name.removeprefix("commit ").partition(": ")
    if path:
        shown = subprocess.run(["git", "show", f"{commit}:{path}"], cwd=ROOT, capture_output=True, text=True)
        if shown.returncode:
            pytest.skip("found no history of the project, as in a copy of its files alone")
        return shown.stdout
    return (ROOT / name).read_text() if (ROOT / name).is_file() else None


def test_the_shipped_rows_are_those_of_the_files_that_they_name() -> None:
    found = {each.name: each for each in read_experiments("flickr8k")}
    assert {each.split for each in found.values()} == {"val"}
    checked = 0
    for each in found.values():
        source = read_source(each.measured_by.split(",")[0])
        if each.recall is not None and source is not None:
            digits = 0 if all(value.is_integer() for value in each.recall) else 1
            figures = " / ".join(f"{value:.{digits}f}" for value in each.recall)
            assert figures in re.sub(r"\s+#?\s*", " ", source), each.name
            checked += 1
    assert checked >= 9
    page = (ROOT / "RESULTS.md").read_text()
    for name, line in (
        ("default encoder, short budget", "| efficientnet-lite2-flickr8k |"),
        ("+ hourglass neck", "| efficientnet-lite2-flickr8k + hourglass |"),
        ("GRU, one pass", "| gru |"),
        ("simple cell, one pass", "| simple |"),
        ("LSTM, one pass", "| lstm |"),
    ):
        (row,) = (each for each in page.splitlines() if each.startswith(line))
        each = found[name]
        assert each.recall is not None
        assert row.endswith(f"| {each.cider:.1f} | {' / '.join(f'{value:.1f}' for value in each.recall)} |")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{**ROW, "recall": None}], "found no number in 'a'"),
        ([{**ROW, "recall": [3, 2, 1]}], "expected Recall@1, 5 and 10 in order"),
        ([{**ROW, "recall": [3, 20, 101]}], "less than or equal to 100"),
        ([{**ROW, "gain": {"Recall@5": 1}}], "expected the base that it is to"),
        ([{**ROW, "interval": [0, 1]}], "expected the base that it is to"),
        ([{**ROW, "gain": {"Recall@7": 1}}], "Recall@1"),
        ([ROW, ROW], "found 'a' twice"),
        ([AGAINST, ROW], "found the base 'a' of 'b', expected a row before it"),
        ([ROW, {**AGAINST, "interval": [2.5, 4]}], "expected one around 2.0"),
        ([ROW, {**AGAINST, "interval": [3, 1]}], "expected one around 2.0"),
        ([{**ROW, "kept": "perhaps"}], "kept"),
        ([{**ROW, "seeds": 3}], "unknown key"),
    ],
)
def test_impossible_rows_are_refused(rows: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    (tmp_path / "rows.toml").write_text(write_toml(rows))
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_config(Ablation, tmp_path / "rows.toml")


def write_toml(rows: list[dict[str, Any]]) -> str:
    def write(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f'"{key}" = {each}' for key, each in value.items()) + "}"
        return json.dumps(value)

    keys = ([f"{key} = {write(value)}" for key, value in row.items() if value is not None] for row in rows)
    return "\n".join("\n".join(["[[experiment]]", *each]) for each in keys)


def test_differences_are_those_of_the_mean_recall_and_intervals_are_never_made_up() -> None:
    measured = {**AGAINST, "name": "c", "interval": [1.5, 2.5], "kept": "option"}
    single = {**AGAINST, "name": "d", "recall": None, "gain": {"Recall@5": 0.3}, "kept": False}
    other = {**AGAINST, "name": "e", "split": "test"}
    rows = Ablation.model_validate({"experiment": [ROW, AGAINST, measured, single, other]}).experiment
    assert find_difference(rows[1], rows) == pytest.approx(2)
    table = tabulate_ablation(rows)
    cells = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    assert [each["mean recall"] for each in cells] == ["–", "+2.0", "+2.0 [+1.5, +2.5]", "Recall@5 +0.3", "–"]
    assert [each["kept"] for each in cells] == ["yes", "yes", "option", "no", "yes"]
    assert (cells[0]["Recall@1 / 5 / 10"], cells[3]["Recall@1 / 5 / 10"]) == ("1.0 / 2.0 / 3.0", "–")


def test_a_dataset_without_such_a_file_has_no_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert read_experiments("../flickr8k") == read_experiments("coco") == ()
    (tmp_path / "coco.toml").write_text(write_toml([ROW]))
    monkeypatch.setattr(experiments, "_FOLDER", tmp_path)
    assert [each.name for each in read_experiments("coco")] == ["a"]


def test_every_report_shows_them(full_report: Any, run_info: Any, render: Callable[..., str]) -> None:
    rows = Ablation.model_validate({"experiment": [ROW, {**AGAINST, "what": "<b>that</b>"}]}).experiment
    changed = {**AGAINST, "name": "c", "interval": [1.5, 2.5], "cost": "2.0 times the indexing"}
    said = {**AGAINST, "what": "other words", "name": "d", "cider": 60.5}
    parts = Ablation.model_validate(
        {"experiment": [{**ROW, "cider": 57.6}, {**changed, "cider": 57.6}, said]}
    ).experiment
    report = replace(full_report, ablation=rows, parts=parts)
    pages = render_markdown(report, run_info), render(report, run_info)
    for title in ("What was tried", "What each part gives"):
        assert f"## {title}" in pages[0]
        assert f"<h3>{title}</h3>" in pages[1]
    page = pages[1]
    assert "&lt;b&gt;that&lt;/b&gt;" in page
    assert 'href="#ablation"' in page
    document = json.loads(report.to_json())
    assert [each["name"] for each in document["ablation"]] == ["a", "b"]
    assert [each["name"] for each in document["parts"]] == ["a", "c", "d"]
    tables = render_results_tables(document)
    assert "| b | \\<b\\>that\\</b\\> | 2.0 / 4.0 / 6.0 | – | a | +2.0 | – | yes |" in tables
    assert f"| a | {ROW['what']} | 1.0 / 2.0 / 3.0 | 57.6 | – | – |" in tables
    # The captions are those of its base.
    assert (
        f"| c | {AGAINST['what']} | 2.0 / 4.0 / 6.0 | – | +2.0 [+1.5, +2.5] | 2.0 times the indexing |"
        in tables
    )
    assert "| d | other words | 2.0 / 4.0 / 6.0 | 60.5 | +2.0 | – |" in tables
    parts, tried = "## What each part gives\n", "## What was tried, and what it gave\n"
    assert re.findall("^#.*\n", tables, re.MULTILINE) == [parts, tried]
    assert 'href="#ablation"' not in render(full_report, run_info)
