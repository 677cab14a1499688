"""`make report`: the tables of README.md and RESULTS.md, written anew. Reads OUT/report.json, writes both.

OUT/unseen/report.json is that of `unseen_photos`, where it was made.

The tables stand between the lines `<!-- report:begin -->` and `<!-- report:end -->`; nothing else of a page
is touched, and nobody types a number.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.ablation.experiments import Experiment
from eval.report.ablation_tables import tabulate_ablation, tabulate_parts
from eval.report.markdown import escape, render_plain
from eval.report.readme_part import rewrite_part
from eval.report.tables import Table
from retrieval.command.python_module import run_as_module

_PART = "report"
_COLUMNS = ("Recall@1", "Recall@5", "Recall@10", "median_rank", "MRR", "nDCG@10")
_UNSEEN = ("Recall@1", "Recall@5", "MRR")
_PARTS = ("system", "what is otherwise", "Recall@1 / 5 / 10", "CIDEr", "mean recall", "cost")
_TRIED = ("tried", "what", "Recall@1 / 5 / 10", "CIDEr", "against", "mean recall", "cost", "kept")
_THERE = (
    "As above, on these photos. `reranked` is asked the first sentence of each photo alone here, and all of "
    "them in the table before."
)
_CAPTIONS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr")


def render_readme_tables(report: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """How good each system and the captions are, and the command and the machine that say so."""
    measured = {**report["systems"], **report["ceiling"]}
    rows = [[name, *(_format(each, column) for column in _COLUMNS)] for name, each in measured.items()]
    rows += [_list_published(each) for each in report["published"]]
    systems = render_plain(["system", *(column.replace("_", " ") for column in _COLUMNS)], rows)
    captions = [name for name in _CAPTIONS if name in report["captions"]]
    scores = [f"{report['captions'][name]:.1f}" for name in captions]
    sources = "; ".join(f"{each['system']}: {each['source']}" for each in report["published"])
    published = f"Published by others, not measured here: {escape(sources)}." if sources else ""
    made = f"`{info['command']}`, {info['hardware']}, {info['seconds']:.0f} s."
    said = render_plain(["captions of", *captions], [["index", *scores]])
    return _join([systems, published, said, made])


def render_results_tables(report: Mapping[str, Any], unseen: Mapping[str, Any] | None = None) -> str:
    """What each part gives, and what was tried.

    `unseen` is a report on photos with other subjects than the training data's.
    """
    tried = tabulate_ablation([Experiment.model_validate(row) for row in report.get("ablation", ())])
    sections = [_render_section("What each part gives", _tabulate_parts(report), _PARTS)]
    if unseen:
        sections.append(_render_unseen(unseen))
        there = replace(_tabulate_parts(unseen), notes=(_THERE,))
        sections.append(_render_section("What each part gives there", there, _PARTS[:-1]))
    sections.append(_render_section("What was tried, and what it gave", tried, _TRIED))
    return _join(sections)


def _render_unseen(report: Mapping[str, Any]) -> str:
    """The systems on a collection that nothing was trained on or tuned by, however small that is."""
    photos = report["photos"]
    about = (
        f"Other subjects than Flickr8k's: {photos} photos of Debian's and of Python packages, such "
        f"as a mandrill, a circuit board, half a fig and a rocket, by {report['queries']} sentences of ours "
        "([`unseen_photos.py`](eval/dataset/unseen_photos.py)). Nothing was trained on them or tuned by "
        "them, but models were checked on them before they were shipped. By "
        f"chance Recall@1 is {100 / photos:.1f} and Recall@5 {min(500 / photos, 100):.1f}."
    )
    rows = [
        [name, *(_format(each, column) for column in _UNSEEN)]
        for name, each in {**report["systems"], **report["ceiling"]}.items()
    ]
    return _join(["## Photos of other subjects", about, render_plain(["system", *_UNSEEN], rows)])


def _tabulate_parts(report: Mapping[str, Any]) -> Table:
    return tabulate_parts([Experiment.model_validate(row) for row in report.get("parts", ())])


def _render_section(title: str, table: Table, columns: Sequence[str]) -> str:
    """What to know about a table, and of its rows these columns; "" if it has none."""
    if not table.rows:
        return ""
    shown = [number for number, name in enumerate(table.header) if name in columns]
    cells = [[row[number] for number in shown] for row in table.rows]
    rows = render_plain([table.header[number] for number in shown], cells)
    return _join([f"## {title}", "\n".join(table.notes), rows])


def _join(blocks: Sequence[str]) -> str:
    return "\n\n".join(filter(None, blocks))


def _format(result: Mapping[str, Any], column: str) -> str:
    low, high = result["ci95"][column]
    return f"{result[column]:.1f} [{low:.1f}, {high:.1f}]"


def _list_published(each: Mapping[str, Any]) -> list[str]:
    recalls = [each[f"recall_at_{k}"] for k in (1, 5, 10)]
    cells = ["–" if value is None else f"{value:.1f}" for value in recalls]
    return [f"{each['system']}, published", *cells, *["–"] * (len(_COLUMNS) - len(cells))]


def main(out: Path, readme: Path, results: Path) -> None:
    """Read OUT/report.json, OUT/run-info.json and OUT/unseen, and rewrite the tables of both pages."""
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    info = json.loads((out / "run-info.json").read_text(encoding="utf-8"))
    other = out / "unseen" / "report.json"
    unseen = json.loads(other.read_text(encoding="utf-8")) if other.is_file() else None
    for page, tables in (
        (readme, render_readme_tables(report, info)),
        (results, render_results_tables(report, unseen)),
    ):
        rewrite_part(page, _PART, tables)


if __name__ == "__main__":
    sys.exit(
        run_as_module("eval.report.readme", "OUT README RESULTS", lambda *given: main(*map(Path, given)))
    )
