"""README, "From the slides to the code": every file, name and command in that table exists."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from retrieval.command.discovery import build_app

ROOT = Path(__file__).resolve().parents[2]
SECTION = "## From the slides to the code"
BEGIN, END = "<!-- slides:begin -->", "<!-- slides:end -->"


def read_rows() -> list[list[str]]:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    table = page.split(SECTION)[1].split(BEGIN)[1].split(END)[0]
    header, _ruler, *rows = [line for line in table.strip().splitlines()]
    assert header == "| on the slides | in the code | to see it |"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


ROWS = read_rows()
TERMS = [row[0] for row in ROWS]
NAMES = [
    (path, name)
    for row in ROWS
    for names, path in re.findall(r"\[((?:`[^`]+`(?:, )?)+)\]\(([^)]+)\)", row[1])
    for name in re.findall(r"`([^`]+)`", names)
]
COMMANDS = [command for row in ROWS for command in re.findall(r"`([^`]+)`", row[2] if len(row) > 2 else "")]


def find_names(tree: ast.AST, prefix: str = "") -> Iterator[str]:
    """Classes, functions and methods, and what methods set on `self`, each with the class it belongs to."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name
            yield from find_names(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield prefix + node.name
            for inner in ast.walk(node):
                if (
                    isinstance(inner, ast.Attribute)
                    and isinstance(inner.ctx, ast.Store)
                    and isinstance(inner.value, ast.Name)
                    and inner.value.id == "self"
                ):
                    yield prefix + inner.attr


def test_the_table_has_what_the_course_has() -> None:
    assert len(ROWS) >= 15
    assert all(2 <= len(row) <= 3 for row in ROWS)
    every = " ".join(TERMS)
    for (
        term
    ) in "dense convolution ResNet hourglass HRNet GRU LSTM hidden attention beam Recall@k sim(Q".split():
        assert term in every
    assert all(re.search(r"\]\(", row[1]) for row in ROWS)


@pytest.mark.parametrize(("path", "name"), NAMES)
def test_the_name_is_in_the_file(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in set(find_names(tree))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_exists(command: str) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    assert program == "retrieve"
    refuse_unknown(typer.main.get_command(build_app(arguments)), arguments)
    for argument in arguments:
        assert not argument.endswith(".toml") or (ROOT / argument).is_file()


def refuse_unknown(command: Any, arguments: list[str]) -> None:
    """Fails where a subcommand or an option is not there."""
    while hasattr(command, "commands"):
        name, *arguments = arguments
        assert name in command.commands
        command = command.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}
    assert [each for each in arguments if each.startswith("-") and each not in options] == []


@pytest.mark.parametrize(
    "command", ["retrieve nothing", "retrieve train nobody DATA", "retrieve caption PHOTO --nowhere OUT"]
)
def test_a_command_that_does_not_exist_would_be_found_out(command: str) -> None:
    with pytest.raises(AssertionError):
        test_the_command_exists(command)


def test_a_name_that_does_not_exist_would_be_found_out() -> None:
    with pytest.raises(AssertionError):
        test_the_name_is_in_the_file("indexer/captioner/decoder.py", "AttentionDecoder.fc3")
