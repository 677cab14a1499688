"""What is said to install: into the Python that runs, and packages that we know."""

import ast
import itertools
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from eval.bench.peers import installed
from retrieval.installing import how_to_install, how_to_uninstall

ROOT = Path(__file__).parents[3]


def test_the_command_is_this_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/my photos/.venv/bin/python")
    assert how_to_install("ray") == "'/my photos/.venv/bin/python' -m pip install ray"
    monkeypatch.setattr(sys, "executable", "/venv/bin/python")
    assert how_to_install("fastapi", "uvicorn>=1") == "/venv/bin/python -m pip install fastapi 'uvicorn>=1'"
    assert how_to_uninstall("faiss-cpu", "faiss") == "/venv/bin/python -m pip uninstall faiss-cpu faiss"


def test_what_is_named_is_what_the_project_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    known = to_names([*project["dependencies"], *itertools.chain(*extras.values())])
    named = set(find_named())
    assert named >= {"pillow-heif", "faiss-cpu", "ray", "uvicorn"}
    assert named <= known
    assert set(installed._PACKAGES) == to_names(extras["bench"])


def test_nobody_is_sent_to_an_extra_of_a_strangers_package() -> None:
    for path in find_sources():
        assert not re.search(r"retrieve\[\w|pip install|install retrieve\b", path.read_text()), path


def to_names(requirements: Iterable[str]) -> set[str]:
    return {re.split("[><=]", requirement)[0] for requirement in requirements}


def find_sources() -> list[Path]:
    return [path for folder in ("retrieval", "indexer", "eval") for path in (ROOT / folder).rglob("*.py")]


def find_named() -> Iterator[str]:
    """The packages that the code names itself where it says how to install them."""
    for path in find_sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "how_to_install":
                yield from (each.value for each in node.args if isinstance(each, ast.Constant))
