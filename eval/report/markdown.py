"""The report for a person to read. A `Report` in, Markdown out."""

from collections.abc import Sequence
from itertools import chain

from eval.report.conditions import list_conditions, list_notes
from eval.report.findings import Report
from eval.report.run_info import RunInfo
from eval.report.sections import list_sections
from eval.report.tables import Table
from retrieval.markdown_table import render_markdown_table


def render_markdown(report: Report, info: RunInfo) -> str:
    """All tables, and all that decides their numbers."""
    lines = [
        render_tables(report, info),
        "## What decides these numbers",
        "",
        *(f"- {name}: {escape(value)}" for name, value in list_conditions(report, info)),
        "",
        "## Notes",
        "",
        *(f"- {escape(note)}" for note in list_notes(report)),
    ]
    return "\n".join(lines) + "\n"


def render_tables(report: Report, info: RunInfo) -> str:
    """What was found, without what decides it."""
    lines = [
        f"# {escape(report.dataset)}, split {escape(report.split)}",
        "",
        f"{report.photos:,} photos, {report.queries:,} captions as queries.",
        "",
    ]
    for table in chain.from_iterable(list_sections(report, info).values()):
        lines += [f"## {table.title}", "", render_table(table), "", *map(escape, table.notes), ""]
    return "\n".join(lines)


def render_table(table: Table) -> str:
    """Its cells alone, as plain text."""
    return render_plain([name.replace("_rank", " rank") for name in table.header], table.rows)


def render_plain(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are plain text."""
    return render_markdown_table([*map(escape, header)], [[*map(escape, row)] for row in rows])


def escape(text: str) -> str:
    """Names and messages as plain text: no Markdown, no HTML."""
    return "".join(f"\\{character}" if character in r"\`*_<>|" else character for character in text)
