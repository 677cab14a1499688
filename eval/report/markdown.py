"""The report for a person to read. A `Report` in, Markdown out."""

from collections.abc import Sequence

from eval.report.ablation_tables import tabulate_ablation, tabulate_parts
from eval.report.conditions import NOTES, list_conditions
from eval.report.findings import Report
from eval.report.run_info import RunInfo
from eval.report.study_tables import (
    tabulate_ann,
    tabulate_captions,
    tabulate_failures,
    tabulate_people,
    tabulate_strictness,
    tabulate_sureness,
)
from eval.report.tables import (
    Table,
    tabulate_comparisons,
    tabulate_published,
    tabulate_sentence_search,
    tabulate_systems,
)


def render_markdown(report: Report, info: RunInfo) -> str:
    """All tables, and all that decides their numbers."""
    conditions = [(name, escape(value)) for name, value in list_conditions(report, info) if value]
    lines = [
        render_tables(report, info),
        "## What decides these numbers",
        "",
        *(f"- {name}: {value}" for name, value in conditions),
        "",
        "## Notes",
        "",
        *(f"- {note}" for note in NOTES),
        *(f"- {escape(notice)}" for notice in report.notices),
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
    for table in _make_tables(report, info):
        lines += [f"## {table.title}", "", *render_table(table), "", *map(escape, table.notes), ""]
    return "\n".join(lines)


def _make_tables(report: Report, info: RunInfo) -> list[Table]:
    """Every table that this report has something for."""
    tables = [
        tabulate_systems(report),
        tabulate_comparisons(report),
        tabulate_sentence_search(report),
        tabulate_published(report),
        tabulate_captions(report),
        *tabulate_people(report),
        tabulate_sureness(report),
        tabulate_strictness(report),
        tabulate_failures(report),
        tabulate_ann(report, info),
        tabulate_parts(report.parts),
        tabulate_ablation(report.ablation),
    ]
    return [table for table in tables if table.rows]


def render_table(table: Table) -> list[str]:
    """The lines of a table, numbers to the right."""
    header = [name.replace("_rank", " rank") for name in table.header]
    ruler = ["---", *["---:"] * (len(header) - 1)]
    rows: Sequence[Sequence[str]] = [[escape(cell) for cell in row] for row in table.rows]
    return [f"| {' | '.join(row)} |" for row in ([escape(name) for name in header], ruler, *rows)]


def escape(text: str) -> str:
    """Names and messages as plain text: no Markdown, no HTML."""
    return "".join(f"\\{character}" if character in r"\`*_<>|" else character for character in text)
