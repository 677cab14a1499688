"""Tables in Markdown. Touches no file."""

from collections.abc import Iterable, Sequence


def render_markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A line for the header and one for each row; words stand to the left, numbers to the right."""
    rows = list(rows)
    ruler = ["---" if _has_words(rows, column) else "---:" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows))


def _has_words(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether names stand in a column: in the first one always."""
    return column == 0 or any(row[column][:1].isalpha() for row in rows)
