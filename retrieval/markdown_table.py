"""Tables in Markdown. Touches no file."""

from collections.abc import Iterable, Sequence


def render_markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A line for the header and one for each row; all but the first column, as numbers, to the right."""
    ruler = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows))
