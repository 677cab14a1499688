"""What a search found, for programs: JSON, lines of JSON, CSV, paths. Writes to stdout."""

import csv
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

from retrieval.errors import UsageError
from retrieval.printable import make_printable

if TYPE_CHECKING:
    from retrieval.search.explanation import Explanation
    from retrieval.search.results import Results

_COLUMNS = ("rank", "score", "probability", "image_id", "path", "caption", "provenance")
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@")


class ResultsFormat(StrEnum):
    """How the hits are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PATHS = "paths"

    @classmethod
    def choose(cls, json_output: bool, form: "ResultsFormat") -> "ResultsFormat":
        """The format that was asked for; `--json` is another name of one.

        Raises:
            UsageError: two were.
        """
        if json_output and form not in (cls.TABLE, cls.JSON):
            raise UsageError(f"found --json and the format {form}, expected one of them; leave one out")
        return cls.JSON if json_output else form


def require_reasons(form: ResultsFormat) -> None:
    """Refuse a format that has no place for why each photo came up.

    Raises:
        UsageError: it is one.
    """
    if form in (ResultsFormat.CSV, ResultsFormat.PATHS):
        raise UsageError(
            f"found --explain with the format {form}, which has no place for reasons, "
            "expected table, json or jsonl; choose one of them, or leave out --explain"
        )


def print_results(
    asked: Mapping[str, str],
    results: "Results",
    seconds: float,
    form: ResultsFormat,
    explanations: "Sequence[Explanation]" = (),
) -> None:
    """Print the hits in any format but the table.

    In CSV and among paths, control characters are escaped, and a text that a spreadsheet would take for a
    formula begins with an apostrophe.
    """
    if form is ResultsFormat.JSON:
        hits = _describe(results, explanations)
        about = {"generation": results.generation, "seconds": seconds, "matches_well": results.matches_well}
        typer.echo(json.dumps({**asked, "hits": hits, **about}))
    elif form is ResultsFormat.JSONL:
        for hit in _describe(results, explanations):
            typer.echo(json.dumps(hit))
    elif form is ResultsFormat.CSV:
        _print_csv(results)
    else:
        for each in results:
            typer.echo(make_printable(str(results.file(each))))


def _describe(results: "Results", explanations: "Sequence[Explanation]") -> list[dict[str, Any]]:
    hits = [dataclasses.asdict(hit) for hit in results]
    for hit, explanation in zip(hits, explanations, strict=False):
        hit["explanation"] = explanation.to_dict()
    return hits


def _print_csv(results: "Results") -> None:
    writer = csv.DictWriter(sys.stdout, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for hit in results:
        texts = {name: _make_inert(str(getattr(hit, name))) for name in ("path", "caption")}
        writer.writerow({**dataclasses.asdict(hit), **texts})


def _make_inert(text: str) -> str:
    printable = make_printable(text)
    return f"'{printable}" if printable.lstrip().startswith(_FORMULA) else printable
