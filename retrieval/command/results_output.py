"""Shows what a search found: a table for people, JSON for programs, a picture. Writes to stdout."""

import dataclasses
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from retrieval.errors import UsageError
from retrieval.printable import make_printable

if TYPE_CHECKING:
    from PIL import Image
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from retrieval.explanation import Explanation
    from retrieval.hit import Hit
    from retrieval.results import Results


def print_json(
    asked: Mapping[str, str], results: "Results", seconds: float, explanations: "Sequence[Explanation]" = ()
) -> None:
    """One document; `asked` comes first in it, `explanations` are those of the hits."""
    hits = [dataclasses.asdict(hit) for hit in results]
    for hit, explanation in zip(hits, explanations, strict=False):
        hit["explanation"] = explanation.to_dict()
    document = {**asked, "hits": hits, "generation": results.generation, "seconds": seconds}
    typer.echo(json.dumps(document))


def print_table(results: "Results") -> None:
    """A line for each hit."""
    if not results:
        return
    known = any(hit.probability is not None for hit in results)
    table = _make_table("rank", "score", *(["sure"] if known else []), "caption", "photo")
    for hit in results:
        sure = [_percent(hit)] if known else []
        more = f" (+{len(hit.duplicates)} alike)" if hit.duplicates else ""
        table.add_row(str(hit.rank), f"{hit.score:.3f}", *sure, _mark_words(hit), _plain(hit.path + more))
    _make_console().print(table, crop=False)


def print_explained(results: "Results") -> None:
    """Every hit, and below it what each channel says of it."""
    from rich.padding import Padding

    console = _make_console()
    for hit in results:
        console.print(_plain(f"{hit.rank}  "), _mark_words(hit), sep="", crop=False, soft_wrap=True)
        about = [hit.path, f"score {hit.score:.3f}"]
        about += [f"sure {_percent(hit)}"] if hit.probability is not None else []
        about += [f"matched {', '.join(map(make_printable, hit.matched))}"] if hit.matched else []
        about += [f"{len(hit.duplicates)} more show the same"] if hit.duplicates else []
        console.print(Padding(_plain("; ".join(about)), (0, 0, 0, 3), expand=False), crop=False)
        table = _make_table("channel", "rank", "score", "adds", left=("channel",))
        for name, place in hit.channels.items():
            table.add_row(name, str(place.rank), f"{place.score:.3f}", f"{place.contribution:.3f}")
        console.print(Padding(table, (0, 0, 1, 3), expand=False), crop=False)


def say_if_unsure(results: "Results") -> None:
    """Say on stderr that nothing is likely to be what was asked for, where that is so."""
    if results.matches_well is False:
        typer.echo("nothing here matches well", err=True)


def save_picture(picture: "Image.Image", out: Path) -> None:
    """Write a picture.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        picture.save(out)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write the picture to {out} ({error}); name a file ending in .png") from None


@contextmanager
def show_status(text: str) -> Iterator[None]:
    """Show on a terminal what takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def _make_console() -> "Console":
    from rich.console import Console

    # Lines that go to a file or another program are never folded.
    return Console(width=None if sys.stdout.isatty() else 100_000, highlight=False)


def _make_table(*columns: str, left: Sequence[str] = ("caption", "photo")) -> "Table":
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name in left else "right", overflow="fold")
    return table


def _mark_words(hit: "Hit") -> "Text":
    """The caption, the words that it has in common with the query in bold."""
    text = _plain(hit.caption)
    if hit.matched:
        words = "|".join(re.escape(make_printable(word)) for word in hit.matched)
        text.highlight_regex(rf"\b({words})\b", "bold")
    return text


def _plain(text: str) -> "Text":
    from rich.text import Text

    return Text(make_printable(text))


def _percent(hit: "Hit") -> str:
    return "" if hit.probability is None else f"{hit.probability:.0%}"
