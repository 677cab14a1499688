"""A part of a page that is never typed: between the lines `<!-- NAME:begin -->` and `<!-- NAME:end -->`.

`COMMAND | python -m eval.report.readme_part README.md NAME` writes what the command prints there.
"""

import sys
from pathlib import Path

from retrieval.command.python_module import run_as_module
from retrieval.errors import UsageError
from retrieval.store.files import write_file


def replace_part(page: str, name: str, text: str) -> str:
    """The page with `text` between the markers; `UsageError` where they are not there once, in order."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise UsageError(f"found no place for the tables, expected the lines {begin} and {end}, once each")
    before, rest = page.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def rewrite_part(page: Path, name: str, text: str) -> None:
    """`replace_part` of a file; `OSError` where it cannot be read or written."""
    write_file(page, replace_part(page.read_text(encoding="utf-8"), name, text).encode())


def _write_what_comes(page: str, name: str) -> None:
    rewrite_part(Path(page), name, sys.stdin.read().strip())


if __name__ == "__main__":
    sys.exit(run_as_module("eval.report.readme_part", "PAGE NAME", _write_what_comes))
