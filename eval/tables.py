"""The tables of a report, as rows of text, for Markdown and for the page. A `Report` in, cells out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.failures.causes import DESCRIPTIONS
from eval.report import Report
from eval.run_info import RunInfo
from eval.system_result import SystemResult

COLUMNS = ("Recall@1", "Recall@5", "Recall@10", "median_rank", "mean_rank", "MRR", "nDCG@10")
_BY_IMAGE = ("Success@1", "Success@5", "Success@10", "Recall@10", "median_rank", "mean_rank", "MRR", "nDCG@10")
_SHOWN_TESTS = ("Recall@1", "Recall@10", "MRR")


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, the columns' names, rows of as many cells, and what to know about them."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def make_tables(report: Report, info: RunInfo) -> list[Table]:
    """Every table that this report has something for."""
    tables = [
        tabulate_systems(report),
        tabulate_comparisons(report),
        tabulate_sentence_search(report),
        tabulate_published(report),
        tabulate_captions(report),
        *tabulate_people(report),
        tabulate_failures(report),
        tabulate_ann(report, info),
    ]
    return [table for table in tables if table.rows]


def tabulate_systems(report: Report) -> Table:
    """Photos found by sentence."""
    measured = {**report.systems, **report.ceiling}
    notes = ["Percent, except the ranks; 95 % intervals in brackets."]
    if report.ceiling:
        notes.append(
            "human caption: our own ceiling. Every photo is represented by one caption that a person wrote, in "
            "the same text encoder and exact index, and searched by that photo's other captions."
        )
    return Table("Photos found by sentence", ("system", *COLUMNS), _measure_rows(measured, COLUMNS), tuple(notes))


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
        "Paired by query. The interval is a bootstrap over photos; p is a two-sided permutation test over photos, "
        f"corrected by Holm's method for all {len(report.comparisons)} comparisons of the report."
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


def tabulate_captions(report: Report) -> Table:
    """The index's captions against people's, and how varied they are."""
    cells = {name: f"{value:.1f}" for name, value in report.captions.items()}
    rows = [(name, value) for name, value in cells.items()]
    for name, label in (("index", "this index"), ("people", "people, one caption a photo")):
        if each := report.diversity.get(name):
            text = f"{each.distinct:,} of {each.captions:,} ({each.distinct_percent:.1f} %)"
            rows.append((f"distinct captions, {label}", text))
            rows.append((f"vocabulary, {label}", f"{each.vocabulary:,} words"))
    notes = (
        "Percent, of the corpus. CIDEr is what pycocoevalcap and published tables call so, which is the paper's "
        "CIDEr-D; CIDEr-plain is the paper's equation 3, without clipping and length penalty.",
    )
    return Table("Captions against people's", ("measure", "captions of the index"), tuple(rows), notes)


def tabulate_people(report: Report) -> list[Table]:
    """Agreement with people's grades: of the systems, and of the caption metrics."""
    human = report.human_judgement
    if human is None:
        return []
    systems = tuple(
        (name, f"{value:.1f} [{human.ndcg_ci95[name][0]:.1f}, {human.ndcg_ci95[name][1]:.1f}]")
        for name, value in human.ndcg.items()
    )
    metrics = tuple(
        (name, f"{taus['tau_b']:.1f}", f"{taus['tau_c']:.1f}") for name, taus in human.kendall.items()
    )
    ndcg_note = (
        f"nDCG in percent over the photos that people judged for a caption, gain the sum of three grades above "
        f"the lowest; {human.queries:,} captions ({human.queries_without_gain:,} others have no photo above the "
        "lowest grade). chance is a random order."
    )
    tau_note = (
        f"100 × Kendall's τ over {human.pairs - human.own_pairs:,} pairs of a photo and a caption, without "
        f"{human.own_pairs:,} of a photo and its own caption: τ_b with the pair's summed grades, τ_c with the "
        "three grades one by one."
    )
    return [
        Table("Systems against people's grades", ("system", "nDCG"), systems, (ndcg_note,)),
        Table("Caption metrics against people's grades", ("metric", "τ_b", "τ_c"), metrics, (tau_note,)),
    ]


def tabulate_failures(report: Report) -> Table:
    """Where the misses were lost."""
    failures = report.failures
    if failures is None or not failures.misses:
        return Table("Why queries fail", (), ())
    saved = failures.found_by_human_caption
    rows = tuple(
        (
            DESCRIPTIONS[cause],
            f"{failures.counts[cause.value]:,}",
            f"{100 * failures.counts[cause.value] / failures.misses:.1f} %",
            "–" if saved is None else f"{saved[cause.value]:,}",
        )
        for cause in DESCRIPTIONS
    )
    note = (
        f"{failures.misses:,} of {report.queries:,} queries of {failures.system} do not have their photo among the "
        f"first {failures.depth}. A caption mentions a query's content where it has half of its content words or "
        "more, endings cut off. The last column: how many of them would have been found, had the photo one human "
        "caption."
    )
    return Table("Why queries fail", ("cause", "misses", "share", "with a human caption"), rows, (note,))


def tabulate_ann(report: Report, info: RunInfo) -> Table:
    """Index types and settings."""
    if report.ann is None:
        return Table("Index types", (), ())
    speeds = [*info.ann_speed] or [{}] * len(report.ann.rows)
    rows = tuple(
        (
            row.vectors,
            f"{row.count:,}",
            row.type,
            ", ".join(f"{key} {value}" for key, value in row.parameters.items()) or "exact",
            f"{row.ann_recall:.1f}",
            *(f"{speed[key]:.3f}" if speed else "–" for key in ("p50_ms", "p95_ms", "p99_ms")),
            f"{speed['queries_per_second']:,.0f}" if speed else "–",
        )
        for row, speed in zip(report.ann.rows, speeds, strict=True)
    )
    own = ", ".join(f"{channel} {value:.1f}" for channel, value in report.ann.index.items())
    notes = [
        f"The evaluated index itself finds, of the exact first 10, in percent: {own}.",
        *(f"{name}: {description}." for name, description in report.ann.sets.items()),
        "ann_recall in percent of the exact first 10; latency in ms of one query at a time, and queries per second "
        "where all are handed in at once, on one thread.",
    ]
    header = ("vectors", "count", "type", "setting", "ann_recall@10", "p50", "p95", "p99", "queries/s")
    return Table("Index types and settings", header, rows, tuple(notes))


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
