"""What `make speed` writes into the README is its table and nothing else."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import typer

from tests.e2e import measure_service

KINDS = ("searches", "rates", "overload", "page", "edits")


def test_the_table_alone_goes_to_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    happened: list[str] = []

    def index(arguments: list[str]) -> int:
        typer.echo("3 new, 0 unchanged")
        return 0

    def measure(kind: str) -> Callable[..., Iterator[tuple[str, str, str]]]:
        def rows(*_: object) -> Iterator[tuple[str, str, str]]:
            happened.append(kind)
            yield f"{kind}, one", "6.2 ms", "30 ms"
            happened.append(f"{kind} done")
            yield f"{kind}, two", "5836", ""

        return rows

    service = SimpleNamespace(end=lambda: happened.append("end"))
    monkeypatch.setattr(measure_service, "write_samples", lambda *_: [])
    monkeypatch.setattr(measure_service, "run", index)
    monkeypatch.setattr(measure_service, "write_large_index", lambda *_: None)
    monkeypatch.setattr(measure_service, "ServiceProcess", lambda *_: service)
    for kind in KINDS:
        monkeypatch.setattr(measure_service, f"measure_{kind}", measure(kind))
    measure_service.main()
    printed = capsys.readouterr()
    assert printed.err == "3 new, 0 unchanged\n"
    header, ruler, *rows = printed.out.splitlines()
    assert (header, ruler) == ("|  | measured | asked |", "| --- | ---: | ---: |")
    assert rows[:2] == ["| searches, one | 6.2 ms | 30 ms |", "| searches, two | 5836 |  |"]
    assert [row.split(", ")[0] for row in rows] == [f"| {kind}" for kind in KINDS for _ in range(2)]
    # One after another: what is measured at once would slow each other down.
    assert happened == [*(each for kind in KINDS for each in (kind, f"{kind} done")), "end"]
