"""The tables of README.md and RESULTS.md come from the report, and nothing else of the pages changes."""

import json
from pathlib import Path

import pytest

from eval.report.readme import main, render_readme_tables

MEASURES = {"Recall@1": 9.24, "Recall@5": 27, "Recall@10": 38, "median_rank": 19.5, "MRR": 18, "nDCG@10": 22}
REPORT = {
    "systems": {
        "caption": {**MEASURES, "ci95": {name: [value - 1, value + 1] for name, value in MEASURES.items()}}
    },
    "ceiling": {},
    "published": [
        {
            "system": "NIC",
            "recall_at_1": 19.0,
            "recall_at_5": None,
            "recall_at_10": 64.0,
            "source": "Vinyals_1",
        }
    ],
    "captions": {"BLEU-1": 63.52, "CIDEr": 56.3, "CIDEr-plain": 70},
}
INFO = {"command": "retrieve eval data", "hardware": "a machine", "seconds": 41.6}
BEGIN, END = "<!-- report:begin -->", "<!-- report:end -->"


def test_the_tables() -> None:
    tables = render_readme_tables(REPORT, INFO)
    assert "| caption | 9.2 [8.2, 10.2] | 27.0 [26.0, 28.0] |" in tables
    assert "| NIC, published | 19.0 | – | 64.0 | – | – | – |" in tables
    assert "not measured here: NIC: Vinyals\\_1." in tables
    assert "| captions of | BLEU-1 | CIDEr |\n| --- | ---: | ---: |\n| index | 63.5 | 56.3 |" in tables
    assert tables.endswith("`retrieve eval data`, a machine, 42 s.")


@pytest.fixture
def pages(tmp_path: Path) -> tuple[Path, Path]:
    """Of a folder with a report, and places for its tables."""
    for name, document in (("report", REPORT), ("run-info", INFO)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    readme, results = tmp_path / "README.md", tmp_path / "RESULTS.md"
    for page in (readme, results):
        page.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nthe rest\n")
    return readme, results


def test_only_what_is_between_the_markers_changes(tmp_path: Path, pages: tuple[Path, Path]) -> None:
    main(tmp_path, *pages)
    readme, results = (page.read_text() for page in pages)
    assert readme.startswith(f"# Title\n\n{BEGIN}\n| system |")
    assert readme.endswith(f"42 s.\n{END}\n\nthe rest\n")
    assert "old" not in readme + results
    main(tmp_path, *pages)
    assert [page.read_text() for page in pages] == [readme, results]


def test_photos_of_other_subjects_have_a_table_that_says_what_chance_would_find(
    tmp_path: Path, pages: tuple[Path, Path]
) -> None:
    (tmp_path / "unseen").mkdir()
    (tmp_path / "unseen" / "report.json").write_text(json.dumps({**REPORT, "photos": 16, "queries": 64}))
    main(tmp_path, *pages)
    page = pages[1].read_text()
    assert "16 photos of Debian's and" in page
    assert "By chance Recall@1 is 6.2 and Recall@5 31.2" in page
    assert "| caption | 9.2 [8.2, 10.2] | 27.0 [26.0, 28.0] | 18.0 [17.0, 19.0] |" in page
