"""What each part gives, and what was tried, as tables. Experiments in, cells of text out."""

from collections.abc import Sequence

from eval.ablation.experiments import Experiment, find_base, find_difference
from eval.report.tables import Table

_HEADER = (
    "tried",
    "what",
    "Recall@1 / 5 / 10",
    "CIDEr",
    "against",
    "mean recall",
    "cost",
    "kept",
    "measured by",
)
_KEPT = {True: "yes", False: "no", "option": "option", "weights": "its weights"}
_PARTS = ("system", "what is otherwise", "Recall@1 / 5 / 10", "CIDEr", "mean recall", "cost")
_PARTS_NOTE = (
    "Percent on the split {split!r}. The first rows are the systems as they are; each other changes one "
    "thing: mean recall is the difference in points of the mean of Recall@1, 5 and 10, paired by photo, with "
    "its 95 % interval in brackets; CIDEr stands where it differs. Rows of `reranked` are asked the first "
    "sentence of each photo alone, the others all of them: compare the former with `reranked` in this table. "
    "Measured by `retrieve ablate`, which makes an index for each row that needs one. Costs are of one run, "
    "0.8 to 1.1 means no difference; those of re-ranking are of photos that another query had just looked "
    "at. The intervals are of each row alone, not corrected for the number of rows: one in twenty leaves out "
    "0 by chance."
)
_NOTES = (
    "Percent on the validation split; the test split chose nothing. mean recall is the difference in points "
    "of the mean of Recall@1, 5 and 10 to the row that it is held against, with its 95 % interval in "
    "brackets; where there are none, none was measured. Rows of different systems compare with the row they "
    "name alone. An option is in the code and off; what was not kept is not. Of what is kept as weights, "
    "these are shipped, and the code that made them is not.",
)


def tabulate_parts(experiments: Sequence[Experiment]) -> Table:
    """What each part gives: one row for each system as it is and each change of it."""
    rows = tuple(_list_part(each, experiments) for each in experiments)
    notes = [_PARTS_NOTE.format(split=split) for split in dict.fromkeys(each.split for each in experiments)]
    return Table("What each part gives", _PARTS, rows, tuple(notes))


def tabulate_ablation(experiments: Sequence[Experiment]) -> Table:
    """One row for each, in their order."""
    rows = tuple(_list_cells(each, experiments) for each in experiments)
    return Table("What was tried", _HEADER, rows, (*_NOTES, *_describe_reach(experiments)))


def _list_part(each: Experiment, experiments: Sequence[Experiment]) -> tuple[str, ...]:
    return (
        each.name,
        each.what,
        _format_recall(each),
        _format_cider(each, find_base(each, experiments)),
        _format_difference(each, find_difference(each, experiments)),
        each.cost or "–",
    )


def _list_cells(each: Experiment, experiments: Sequence[Experiment]) -> tuple[str, ...]:
    return (
        each.name,
        each.what,
        _format_recall(each),
        _format_cider(each),
        each.base or "–",
        _format_difference(each, find_difference(each, experiments)),
        each.cost or "–",
        _KEPT[each.kept],
        each.measured_by,
    )


def _describe_reach(experiments: Sequence[Experiment]) -> list[str]:
    """How wide the intervals are, for the rows without one."""
    reach = [(high - low) / 2 for low, high in (each.interval for each in experiments if each.interval)]
    if not reach:
        return []
    return [f"The intervals that were measured reach {min(reach):.1f} to {max(reach):.1f} points either way."]


def _format_recall(each: Experiment) -> str:
    return "–" if each.recall is None else " / ".join(f"{value:.1f}" for value in each.recall)


def _format_cider(each: Experiment, base: Experiment | None = None) -> str:
    is_other = each.cider is not None and (base is None or each.cider != base.cider)
    return f"{each.cider:.1f}" if is_other else "–"


def _format_difference(each: Experiment, difference: float | None) -> str:
    if each.base is None:
        return "–"
    if difference is None:
        gains = [f"{name} {points:+.1f}" for name, points in each.gain.items()]
        return ", ".join(gains) or "–"
    if each.interval is None:
        return f"{difference:+.1f}"
    return f"{difference:+.1f} [{each.interval[0]:+.1f}, {each.interval[1]:+.1f}]"
