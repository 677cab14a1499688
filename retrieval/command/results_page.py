"""Shows what a search found as a page in a browser. Writes it to a folder of its own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from retrieval.search.results import Results


def open_page(title: str, results: "Results") -> None:
    """Write the photos into a page of its own, and show it in a browser where there is one.

    What was printed before is there first: a browser that runs in the terminal keeps it until it is left.
    """
    import tempfile
    import webbrowser

    from retrieval.pictures.gallery import render_page

    page = Path(tempfile.mkdtemp(prefix="retrieve-")) / "results.html"
    page.write_text(render_page(title, results), encoding="utf-8")
    typer.echo(f"the photos are in {page}", err=True)
    with _stdout_kept():
        shown = webbrowser.open(page.as_uri())
    if not shown:
        typer.echo("found no browser to show them in; open that file", err=True)


@contextmanager
def _stdout_kept() -> Iterator[None]:
    """What programs that are started say goes to stderr, unless stdout is a terminal, which some need."""
    sys.stdout.flush()
    if sys.stdout.isatty():
        yield
        return
    ours = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(ours, 1)
        os.close(ours)
