"""Parts of the README that a command writes."""

import subprocess
import sys
from pathlib import Path

import pytest

from eval.report.readme_part import replace_part
from retrieval.errors import UsageError

BEGIN, END = "<!-- part:begin -->", "<!-- part:end -->"


@pytest.mark.parametrize("page", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_a_place_for_it(page: str) -> None:
    with pytest.raises(UsageError, match="found no place for the tables"):
        replace_part(page, "part", "tables")


@pytest.mark.parametrize("name", ["report", "bench-100000", "bench-1000000", "growth"])
def test_this_projects_readme_has_the_places(name: str) -> None:
    page = (Path(__file__).parents[4] / "README.md").read_text(encoding="utf-8")
    assert "tables" in replace_part(page, name, "tables")


def test_what_a_command_prints_goes_there(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    command = [sys.executable, "-m", "eval.report.readme_part", readme, "part"]
    subprocess.run(command, input="new – é\n".encode(), check=True)
    assert readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew – é\n{END}\nafter\n"
