"""Bars are for terminals."""

import io
import sys

import pytest

from retrieval.command.progress_bar import show_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, True), (io.StringIO, False)])
def test_bars_are_shown_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], shown: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stderr = stream()
    monkeypatch.setattr(sys, "stderr", stderr)
    with show_progress() as progress:
        progress("Searching", 1, 40)
        progress("Searching", 40, 40)
    assert ("Searching" in stderr.getvalue()) is shown
    assert ("40/40" in stderr.getvalue()) is shown
