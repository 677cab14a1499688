"""Shows what a search found: a table, a picture. Writes to stdout and files."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from retrieval.command.results_formats import ResultsFormat, print_results
from retrieval.errors import UsageError
from retrieval.printable import make_printable
from retrieval.store.files import require_place, write_named

if TYPE_CHECKING:
    from PIL import Image
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from retrieval.search.explanation import Explanation
    from retrieval.search.hit import Hit
    from retrieval.search.results import Results


def show_results(
    asked: Mapping[str, str],
    results: "Results",
    seconds: float,
    form: ResultsFormat,
    explanations: "Sequence[Explanation]" = (),
    left_out: int = 0,
) -> None:
    """Print the hits; `asked` comes first in a JSON document, `explanations` are those of the hits.

    `left_out` photos are no hits for another reason than that they do not pass the filters.
    """
    if form is ResultsFormat.TABLE:
        if explanations:
            _print_explained(results, explanations)
        else:
            _print_table(results)
        passing = f"{results.allowed} that pass, of " if results.allowed < results.photos - left_out else ""
        order = ", newest first," if _is_by_time(results) else ""
        typer.echo(f"{len(results)} of {passing}{results.photos} photos{order} in {seconds:.3f} s", err=True)
    else:
        print_results(asked, results, seconds, form, explanations)
    if results.waiting:
        typer.echo(
            f"{results.waiting} photos of a run that has not ended wait: where it was stopped, run "
            "`retrieve index` again",
            err=True,
        )
    if results.matches_well is False:
        typer.echo("nothing here matches well", err=True)


def _print_table(results: "Results") -> None:
    """A line for each hit."""
    if not results:
        return
    scored = not _is_by_time(results)
    known = any(hit.probability is not None for hit in results)
    numbers = ["rank", *(["score"] if scored else []), *(["sure"] if known else [])]
    table = _make_table(*numbers, "caption", "photo")
    for hit in results:
        score = [f"{hit.score:.3f}"] if scored else []
        sure = [_percent(hit)] if known else []
        path = _link(hit, results)
        if hit.duplicates:
            path.append(f" (+{len(hit.duplicates)} alike)")
        table.add_row(str(hit.rank), *score, *sure, _mark_words(hit), path)
    _make_console().print(table, crop=False)


def _is_by_time(results: "Results") -> bool:
    """Whether the hits are only what a query without words lets through, the newest first."""
    return bool(results) and not any(hit.channels for hit in results)


def _print_explained(results: "Results", explanations: "Sequence[Explanation]") -> None:
    """Every hit, and below it what each channel says of it."""
    from rich.padding import Padding
    from rich.text import Text

    console, by_time = _make_console(), _is_by_time(results)
    for hit, explanation in zip(results, explanations, strict=True):
        console.print(_plain(f"{hit.rank}  "), _mark_words(hit), sep="", crop=False, soft_wrap=True)
        about = [] if by_time else [f"score {hit.score:.3f}"]
        about += [f"sure {_percent(hit)}"] if hit.probability is not None else []
        about += [f"matched {', '.join(map(make_printable, hit.matched))}"] if hit.matched else []
        also = ", ".join(map(make_printable, explanation.also))
        about += [f"also says: {also}"] if also else []
        about += [f"{len(hit.duplicates)} more show the same"] if hit.duplicates else []
        line = Text("; ").join([_link(hit, results), *map(_plain, about)])
        console.print(Padding(line, (0, 0, int(by_time), 3), expand=False), crop=False)
        if by_time:
            continue
        table = _make_table("channel", "rank", "score", "adds", left=("channel",))
        for name, place in explanation.channels.items():
            table.add_row(name, str(place.rank), f"{place.score:.3f}", f"{place.contribution:.3f}")
        if explanation.unseen is not None:
            table.add_row("not seen", "", "", f"{explanation.unseen:.3f}")
        console.print(Padding(table, (0, 0, 1, 3), expand=False), crop=False)


def save_picture(picture: "Image.Image", out: Path) -> None:
    """Write a picture, as a whole.

    Raises:
        UsageError: its name is none of a picture, or there is no such folder.
        RetrievalError: the disk is full, or the folder cannot be written.
    """
    from PIL import Image

    data = BytesIO()
    try:
        picture.save(data, Image.registered_extensions()[out.suffix.lower()])
    except (OSError, ValueError, KeyError):
        raise _refuse_ending(out) from None
    write_named(out, data.getvalue(), "the picture")


def require_picture(out: Path) -> None:
    """Refuse a name that `save_picture` cannot write to, before there is a picture.

    Raises:
        UsageError: its ending is none of a picture, or there is no such folder.
    """
    from PIL import Image

    if Image.registered_extensions().get(out.suffix.lower()) not in Image.SAVE:
        raise _refuse_ending(out)
    require_place(out, "the picture")


def _refuse_ending(out: Path) -> UsageError:
    return UsageError(
        f"cannot write the picture to {out}, expected the ending of a kind of picture that can hold it; "
        "name a file ending in .png"
    )


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
        is_text = name in left
        table.add_column(name, justify="left" if is_text else "right", overflow="fold", no_wrap=not is_text)
    return table


def _mark_words(hit: "Hit") -> "Text":
    """The caption, the words that it has in common with the query in bold, and who wrote it if a person."""
    from retrieval.store.schema import Provenance

    text = _plain(hit.caption)
    if hit.matched:
        words = "|".join(re.escape(make_printable(word)) for word in hit.matched)
        text.highlight_regex(rf"(?<!\w)({words})(?!\w)", "bold")
    if hit.provenance is Provenance.HUMAN:
        text.append(" (by a person)", "dim")
    return text


def _link(hit: "Hit", results: "Results") -> "Text":
    """The path, which a terminal that knows links (OSC 8) lets one click."""
    from rich.style import Style

    path = _plain(hit.path)
    path.stylize(Style(link=results.file(hit).as_uri()))
    return path


def _plain(text: str) -> "Text":
    from rich.text import Text

    return Text(make_printable(text))


def _percent(hit: "Hit") -> str:
    from retrieval.search.results import say_percent

    return "" if hit.probability is None else say_percent(hit.probability)
