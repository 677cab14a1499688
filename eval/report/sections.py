"""The tables of a report, by section, in their order. A `Report` in, cells of text out."""

from eval.report.ablation_tables import tabulate_ablation, tabulate_parts
from eval.report.findings import Report
from eval.report.run_info import RunInfo
from eval.report.study_tables import (
    tabulate_ann,
    tabulate_captions,
    tabulate_failures,
    tabulate_people,
    tabulate_reliability,
    tabulate_strictness,
)
from eval.report.tables import (
    Table,
    tabulate_comparisons,
    tabulate_published,
    tabulate_sentence_search,
    tabulate_systems,
)


def list_sections(report: Report, info: RunInfo) -> dict[str, list[Table]]:
    """The tables by the section that they stand in, those that have rows."""
    sections = {
        "systems": [tabulate_systems(report), tabulate_comparisons(report)],
        "by_image": [tabulate_sentence_search(report)],
        "published": [tabulate_published(report)],
        "captions": [tabulate_captions(report)],
        "people": tabulate_people(report),
        "sureness": [tabulate_reliability(report)],
        "strictness": [tabulate_strictness(report)],
        "failures": [tabulate_failures(report)],
        "ann": [tabulate_ann(report, info)],
        "ablation": [tabulate_parts(report.parts), tabulate_ablation(report.ablation)],
    }
    return {name: [table for table in tables if table.rows] for name, tables in sections.items()}
