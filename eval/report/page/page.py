"""report.html: one file, no script, no network. A `Report` and its photos in, the page out.

Everything that is not this package's own is escaped by the template engine. The page's own policy allows
nothing but the one style sheet inside it, known by its hash, and pictures inside it.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
from markupsafe import Markup

from eval.report.conditions import list_conditions, list_notes
from eval.report.findings import Report
from eval.report.page.ann_chart import draw_ann
from eval.report.page.gallery import make_gallery
from eval.report.page.rank_chart import draw_ranks
from eval.report.page.recall_chart import draw_recall
from eval.report.page.reliability_chart import draw_reliability
from eval.report.run_info import RunInfo
from eval.report.sections import list_sections
from eval.report.tables import format_measure
from retrieval.page_templates import hash_source, open_templates

_TILES = ("Recall@1", "Recall@5", "Recall@10", "median_rank")


def render_page(report: Report, info: RunInfo, photos: Mapping[str, Path], photo_Q: np.ndarray) -> str:
    """The page; `photos` finds the dataset's photos by name, `photo_Q` is the photo of each query."""
    style = (files("eval.report.page") / "templates" / "page.css").read_text(encoding="utf-8")
    headline = report.failures.system if report.failures else next(iter(report.systems))
    return (
        open_templates("eval.report.page")
        .get_template("report.html.j2")
        .render(
            report=report,
            headline=headline,
            tiles=_make_tiles(report, headline),
            style=Markup(style),
            policy=_make_policy(style),
            tables=list_sections(report, info),
            recall=draw_recall(report, photo_Q),
            ranks=draw_ranks(report),
            sureness=draw_reliability(report),
            ann=draw_ann(report, info),
            gallery=make_gallery(report.failures, photos),
            conditions=list_conditions(report, info),
            notes=list_notes(report),
        )
    )


def _make_policy(style: str) -> str:
    """A Content-Security-Policy under which nothing runs and nothing is fetched."""
    return (
        f"default-src 'none'; img-src data:; style-src {hash_source(style)}; base-uri 'none'; "
        "form-action 'none'"
    )


def _make_tiles(report: Report, headline: str) -> list[tuple[str, str, str]]:
    """(name, value, interval) of the headline's most looked-at measures."""
    tiles = []
    for name in _TILES:
        value, interval = format_measure(report.systems[headline], name).split(" ", 1)
        tiles.append((name.replace("_", " "), value, interval))
    return tiles
