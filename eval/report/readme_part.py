"""A part of the README that is never typed: between the lines `<!-- NAME:begin -->` and `<!-- NAME:end -->`.

`COMMAND | python -m eval.report.readme_part README.md NAME` writes what the command prints there.
"""

import sys
from pathlib import Path

from retrieval.errors import UsageError
from retrieval.store.files import write_file


def replace_part(page: str, name: str, text: str) -> str:
    """The page with `text` between the markers; `UsageError` where they are not there once, in order."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise UsageError(f"found no place for the tables, expected the lines {begin} and {end}, once each")
    before, rest = page.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    readme, part = Path(sys.argv[1]), sys.argv[2]
    page = replace_part(readme.read_text(encoding="utf-8"), part, sys.stdin.read().strip())
    write_file(readme, page.encode())
