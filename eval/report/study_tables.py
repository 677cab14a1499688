"""The tables of a report on captions, people's grades, failures and index types. A `Report` in, cells out."""

from eval.failures.causes import DESCRIPTIONS
from eval.report.findings import Report
from eval.report.run_info import RunInfo
from eval.report.tables import Table
from retrieval.channels.approximate_index import NARROW_ROWS


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
        "Percent, of the corpus. CIDEr is what pycocoevalcap and published tables call so, which is the "
        "paper's CIDEr-D; CIDEr-plain is the paper's equation 3, without clipping and length penalty.",
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
        "nDCG in percent over the photos that people judged for a caption, gain the sum of three grades "
        f"above the lowest; {human.queries:,} captions ({human.queries_alike:,} others have photos of one "
        "grade alone). chance is a random order."
    )
    tau_note = (
        f"100 × Kendall's τ over {human.pairs - human.own_pairs:,} pairs of a photo and a caption, without "
        f"{human.own_pairs:,} of a photo and its own caption: τ_b with the pair's summed grades, τ_c with "
        "the three grades one by one."
    )
    return [
        Table("Systems against people's grades", ("system", "nDCG"), systems, (ndcg_note,)),
        Table("Caption metrics against people's grades", ("metric", "τ_b", "τ_c"), metrics, (tau_note,)),
    ]


def tabulate_reliability(report: Report) -> Table:
    """How often hits that are said to be so likely are right."""
    title, study = "How sure a hit is", report.sureness
    if study is None:
        return Table(title, (), ())
    graded = {each.low: each for each in study.by_grades.bins} if study.by_grades else {}
    rows = tuple(
        (
            f"{100 * each.low:.0f}–{100 * each.high:.0f} %",
            f"{each.hits:,}",
            f"{100 * each.said:.1f}",
            f"{100 * each.true:.1f}",
            f"{graded[each.low].hits:,}" if each.low in graded else "–",
            f"{100 * graded[each.low].true:.1f}" if each.low in graded else "–",
        )
        for each in study.by_captions.bins
    )
    header = ("probability", "hits", "said, mean", "true, captions", "graded hits", "true, grades")
    measured = [("people's captions", study.by_captions)]
    measured += [("people's grades", study.by_grades)] if study.by_grades else []
    notes = (
        "The first ten hits of every sentence, in percent. True by captions: the sentence was written of the "
        f"photo, or its mean cosine with people's captions of it is at least {study.agreement:.3f}, which 95 "
        "of 100 sentences of what it was fitted on reach with the other captions of their own photo. True by "
        "grades: two of three people gave 3 or 4 of 4. The pairs that people graded were picked, and are no "
        "sample of all hits.",
        *(
            f"By {name}: expected calibration error {100 * each.ece:.1f}, Brier score {each.brier:.3f}, over "
            f"{each.hits:,} hits, {100 * each.said:.1f} said and {100 * each.true:.1f} true."
            for name, each in measured
        ),
        f"Fitted on {study.fitted_on}.",
    )
    return Table(title, header, rows, notes)


def tabulate_strictness(report: Report) -> Table:
    """Whether -word and "phrase" are kept to."""
    rows = tuple(
        (
            each.kind,
            f"{each.searches:,}",
            f"{each.hits:,}",
            f"{each.wrong:,}",
            f"{100 * each.wrong / max(1, each.hits):.1f} %",
            f"{100 * each.wrong_unasked:.1f} %",
        )
        for each in report.strictness
    )
    header = ("condition", "searches", "hits", "against it", "share", "share without it")
    note = (
        "Sentences with a word, or two words in quotes, of their first hit's caption, in every channel and "
        "in all; how many of the first ten hits are photos that the condition forbids. Last column: of the "
        "hits of the same sentences without the condition."
    )
    return Table("Searches with conditions", header, rows, (note,))


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
        f"{failures.misses:,} of {report.queries:,} queries of {failures.system} do not have their photo "
        f"among the first {failures.depth}. A caption mentions a query's content where it has half of its "
        "content words or more, endings cut off. The last column: how many of them are found where every "
        "photo stands with one human caption, and nothing else is searched (`human caption` above)."
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
        "ann_recall in percent of the exact first 10; latency in ms of one query at a time, and queries "
        "per second where all are handed in at once, on one thread.",
        "The types are those that an index can have, each with the effort that it would choose for these "
        f"queries, and with a quarter of it to four times as much. Of {NARROW_ROWS:,} vectors or fewer every "
        "type compares all: there is flat alone.",
    ]
    header = ("vectors", "count", "type", "setting", "ann_recall@10", "p50", "p95", "p99", "queries/s")
    return Table("Index types and settings", header, rows, tuple(notes))
