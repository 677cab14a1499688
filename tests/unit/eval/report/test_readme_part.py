"""Parts of README.md and RESULTS.md that a command writes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eval.report.readme_part import replace_part
from retrieval.errors import UsageError

ROOT = Path(__file__).parents[4]
BEGIN, END = "<!-- part:begin -->", "<!-- part:end -->"


@pytest.mark.parametrize("page", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_a_place_for_it(page: str) -> None:
    with pytest.raises(UsageError, match="found no place for the tables"):
        replace_part(page, "part", "tables")


@pytest.mark.parametrize(
    ("target", "page", "name"),
    [
        ("throughput", "README.md", "throughput"),
        ("speed", "README.md", "speed"),
        ("bench", "README.md", "bench-100000"),
        ("bench COUNT=1000000", "RESULTS.md", "bench-1000000"),
        ("growth", "RESULTS.md", "growth"),
        ("cells", "RESULTS.md", "cells"),
        ("encoders", "RESULTS.md", "encoders"),
    ],
)
def test_what_a_target_writes_has_its_place(target: str, page: str, name: str) -> None:
    command, path = ["make", "--dry-run", *target.split()], {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=ROOT, env=path, capture_output=True, text=True, check=True)
    assert f"-m eval.report.readme_part {page} {name} < " in done.stdout
    assert "tables" in replace_part((ROOT / page).read_text(encoding="utf-8"), name, "tables")


@pytest.mark.parametrize("page", ["README.md", "RESULTS.md"])
def test_a_report_has_its_places(page: str) -> None:
    assert "tables" in replace_part((ROOT / page).read_text(encoding="utf-8"), "report", "tables")


@pytest.mark.parametrize("name", ["throughput", "speed"])
def test_what_was_measured_stands_beside_what_was_asked(name: str) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    header, _, *rows = (
        page.split(f"<!-- {name}:begin -->\n")[1].split(f"\n<!-- {name}:end -->")[0].splitlines()
    )
    assert header.endswith(" | asked |")
    assert len(rows) > 5
    assert {row.count("|") for row in rows} == {header.count("|")}


def run_module(module: str, *arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, input=text, capture_output=True, encoding="utf-8")


def test_what_a_command_prints_goes_there(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    done = run_module("eval.report.readme_part", readme, "part", text="new – é\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew – é\n{END}\nafter\n"


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("eval.report.readme_part", "PAGE NAME"), ("eval.report.readme", "OUT README RESULTS")],
)
def test_without_its_arguments_it_says_which(module: str, arguments: str) -> None:
    for given in ([], ["README.md"], ["report", "README.md", "RESULTS.md", "growth"]):
        done = run_module(module, *given)
        assert (done.returncode, done.stderr) == (2, f"usage: python -m {module} {arguments}\n")


def test_what_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("a page", encoding="utf-8")
    done = run_module("eval.report.readme_part", readme, "part", text="new")
    assert (done.returncode, done.stderr) == (
        2,
        f"error: found no place for the tables, expected the lines {BEGIN} and {END}, once each\n",
    )
    assert readme.read_text(encoding="utf-8") == "a page"
    done = run_module("eval.report.readme_part", tmp_path / "none.md", "part", text="new")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    done = run_module("eval.report.readme", tmp_path, readme, readme)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
