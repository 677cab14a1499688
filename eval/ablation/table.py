"""What was tried, as a table. Experiments in, cells of text out."""

from collections.abc import Sequence

from eval.ablation.experiments import Experiment, find_difference
from eval.tables import Table

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
_KEPT = {True: "yes", False: "no", "option": "option"}
_NOTES = (
    "Percent on the validation split; the test split chose nothing. mean recall is the difference in points "
    "of the mean of Recall@1, 5 and 10 to the row that it is held against, with its 95 % interval in "
    "brackets; where there are none, none was measured. Rows of different systems compare with the row they "
    "name alone. An option is in the code and off; what was not kept is not.",
)


def tabulate_ablation(experiments: Sequence[Experiment]) -> Table:
    """One row for each, in their order."""
    rows = tuple(_list_cells(each, experiments) for each in experiments)
    return Table("What was tried", _HEADER, rows, _NOTES)


def _list_cells(each: Experiment, experiments: Sequence[Experiment]) -> tuple[str, ...]:
    recall = "–" if each.recall is None else " / ".join(f"{value:.1f}" for value in each.recall)
    return (
        each.name,
        each.what,
        recall,
        "–" if each.cider is None else f"{each.cider:.1f}",
        each.base or "–",
        _format_difference(each, find_difference(each, experiments)),
        each.cost or "–",
        _KEPT[each.kept],
        each.measured_by,
    )


def _format_difference(each: Experiment, difference: float | None) -> str:
    if each.base is None:
        return "–"
    if difference is None:
        gains = [f"{name} {points:+.1f}" for name, points in each.gain.items()]
        return ", ".join(gains) or "–"
    if each.interval is None:
        return f"{difference:+.1f}"
    return f"{difference:+.1f} [{each.interval[0]:+.1f}, {each.interval[1]:+.1f}]"
