"""What `retrieve bench index` prints for people, which the README has as it is."""

import pytest

from retrieval.command.bench_rows import BenchRow, print_rows


def test_rows_are_a_markdown_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(
        [
            BenchRow("index in torch", 34.06, 136.0, "photos/s", 0.2504, 0.7),
            BenchRow("memory", 1612.6, 2000.0, "MB", 1.2402, 1.0),
        ]
    )
    assert capsys.readouterr().out.splitlines() == [
        "|  | ours | reference | unit | ratio | asked |",
        "| --- | ---: | ---: | --- | ---: | ---: |",
        "| index in torch | 34.1 | 136.0 | photos/s | 0.25 | 0.70 |",
        "| memory | 1613 | 2000 | MB | 1.24 | 1.00 |",
    ]
