"""Engines side by side, as rows for programs and as a table for people. Touches no file."""

from collections.abc import Iterator, Sequence

from eval.bench.comparison import WANTED, Figures
from retrieval.command.bench_rows import BenchRow
from retrieval.markdown_table import render_markdown_table

_HEADER = (
    "engine",
    "one query at a time",
    "many at once",
    "ann\\_recall@10",
    "memory to search",
    "time to build",
    "memory to build",
    "open to first answer",
    "on disk",
)


def list_search_rows(ours: Figures, theirs: Sequence[Figures]) -> list[BenchRow]:
    """Queries per second, what they find, and the memory of it: ours beside each."""
    return [row for each in theirs for row in _compare_search(ours, each)]


def list_open_rows(ours: Figures, theirs: Sequence[Figures]) -> list[BenchRow]:
    """From the call that opens to the first answer, and the size on disk: ours beside each."""
    return [row for each in theirs for row in _compare_open(ours, each)]


def _compare_search(ours: Figures, peer: Figures) -> Iterator[BenchRow]:
    name, mine, other = peer.name, ours.searched, peer.searched
    for what, fast, faster in (
        ("one query at a time", mine.one_per_second, other.one_per_second),
        ("many queries at once", mine.many_per_second, other.many_per_second),
    ):
        yield BenchRow(f"{what}, beside {name}", fast, faster, "queries/s", fast / faster, 1.0)
    found = mine.ann_recall / other.ann_recall
    yield BenchRow(f"ann_recall@10, beside {name}", mine.ann_recall, other.ann_recall, "share", found, WANTED)
    yield _less(
        f"memory of a search, beside {name}", ours.opened.peak_bytes, peer.opened.peak_bytes, 1e6, "MB"
    )
    yield _less(f"time to build, beside {name}", ours.built.seconds, peer.built.seconds, 1, "s")
    yield _less(f"memory to build, beside {name}", ours.built.peak_bytes, peer.built.peak_bytes, 1e6, "MB")


def _compare_open(ours: Figures, peer: Figures) -> Iterator[BenchRow]:
    seconds = (ours.opened.seconds, peer.opened.seconds)
    yield _less(f"from opening to the first answer, beside {peer.name}", *seconds, 1e-3, "ms")
    yield _less(f"on disk, beside {peer.name}", ours.disk_bytes, peer.disk_bytes, 1e6, "MB")


def _less(name: str, ours: float, reference: float, unit: float, unit_name: str) -> BenchRow:
    """A row of which less is better."""
    return BenchRow(name, ours / unit, reference / unit, unit_name, reference / ours, 1.0)


def render_engines(ours: Figures, theirs: Sequence[Figures], description: str) -> str:
    """A Markdown table with a line for each engine, and what was searched."""
    return f"{render_markdown_table(_HEADER, map(_list_cells, (ours, *theirs)))}\n\n{description}."


def _list_cells(each: Figures) -> tuple[str, ...]:
    return (
        each.name,
        f"{each.searched.one_per_second:,.0f}/s",
        f"{each.searched.many_per_second:,.0f}/s",
        f"{each.searched.ann_recall:.3f}",
        f"{each.opened.peak_bytes / 1e6:,.0f} MB",
        f"{each.built.seconds:,.1f} s",
        f"{each.built.peak_bytes / 1e6:,.0f} MB",
        f"{1000 * each.opened.seconds:,.1f} ms",
        f"{each.disk_bytes / 1e6:,.0f} MB",
    )
