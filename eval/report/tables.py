"""The tables of a report on its systems, for Markdown and for the page. A `Report` in, cells of text out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.measures.system_result import SystemResult
from eval.report.findings import Report

COLUMNS = ("Recall@1", "Recall@5", "Recall@10", "median_rank", "mean_rank", "MRR", "nDCG@10")
_BY_IMAGE = (
    "Success@1",
    "Success@5",
    "Success@10",
    "Recall@10",
    "median_rank",
    "mean_rank",
    "MRR",
    "nDCG@10",
)
_SHOWN_TESTS = ("Recall@1", "Recall@10", "MRR")


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, the columns' names, rows of as many cells, and what to know about them."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def tabulate_systems(report: Report) -> Table:
    """Photos found by sentence."""
    measured = {**report.systems, **report.ceiling}
    notes = ["Percent, except the ranks; 95 % intervals in brackets."]
    if report.ceiling:
        notes.append(
            "human caption: an oracle for the caption channel, which search by pixels can pass. Every photo "
            "is represented by one caption that a person wrote, in the same text encoder and exact index, "
            "and searched by that photo's other captions."
        )
    return Table(
        "Photos found by sentence", ("system", *COLUMNS), _measure_rows(measured, COLUMNS), tuple(notes)
    )


def tabulate_sentence_search(report: Report) -> Table:
    """Sentences found by photo."""
    rows = _measure_rows(report.sentence_search, _BY_IMAGE)
    note = (
        "A photo is the query and all sentences are the corpus, in the channels whose score is a similarity. "
        "Success@k, a right sentence among the first k, is what papers call R@k here."
    )
    return Table("Sentences found by photo", ("system", *_BY_IMAGE), rows, (note,))


def tabulate_comparisons(report: Report) -> Table:
    """Pairs of systems."""
    rows = tuple(
        (
            f"{each.first} − {each.second}",
            each.measure,
            f"{each.difference:+.1f} [{each.ci95[0]:+.1f}, {each.ci95[1]:+.1f}]",
            format_p(each.p),
            format_p(each.p_holm),
            "yes" if each.significant else "no",
        )
        for each in report.comparisons
        if each.measure in _SHOWN_TESTS
    )
    note = (
        "Paired by query. The interval is a bootstrap over photos; p is a two-sided permutation test over "
        f"photos, corrected by Holm's method for all {len(report.comparisons)} comparisons of the report."
    )
    header = ("systems", "measure", "difference in points", "p", "p, corrected", "significant")
    return Table("Which differences are more than chance", header, rows, (note,))


def tabulate_published(report: Report) -> Table:
    """Published results, beside ours."""
    if not report.published:
        return Table("Published results", (), ())
    ours = [
        (f"{name} (ours)", *(f"{result.measures[f'Recall@{k}']:.1f}" for k in (1, 5, 10)), "measured here")
        for name, result in {**report.systems, **report.ceiling}.items()
    ]
    theirs = [
        (
            each.system,
            *("–" if value is None else f"{value:.1f}" for value in each.recalls),
            f"published: {each.source}",
        )
        for each in report.published
    ]
    header = ("system", "Recall@1", "Recall@5", "Recall@10", "source")
    note = "Flickr8k, 1,000 test photos, image search by sentence. Published rows were not measured by us."
    return Table("Beside published results", header, tuple(sorted(ours + theirs, key=_recall_at_10)), (note,))


def format_p(p: float) -> str:
    """Three digits, or that it is less than can be said in them."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def format_measure(result: SystemResult, name: str) -> str:
    """The value and its interval."""
    low, high = result.ci95[name]
    return f"{result.measures[name]:.1f} [{low:.1f}, {high:.1f}]"


def _measure_rows(results: Mapping[str, SystemResult], columns: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (name, *(format_measure(result, column) for column in columns)) for name, result in results.items()
    )


def _recall_at_10(row: tuple[str, ...]) -> float:
    return float(row[3])
