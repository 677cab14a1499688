"""The report as JSON and as Markdown, from numbers that can be checked by hand."""

import json

import numpy as np
import pytest

from eval.bootstrap import PhotoBootstrap
from eval.markdown import render_markdown
from eval.placements import place_relevant
from eval.report import IndexDescription, Report, measure_system

# Two queries each of two photos, among three: the right one is 1st, 2nd, 1st, 3rd.
SCORES = np.array([[3, 2, 1], [2, 3, 1], [1, 3, 2], [3, 1, 2]], dtype=np.float32)
RIGHT = np.array([0, 0, 1, 1])


@pytest.fixture
def report() -> Report:
    system = measure_system(
        place_relevant(SCORES, RIGHT[:, None].tolist()), PhotoBootstrap(RIGHT, 100, seed=0)
    )
    return Report(
        dataset="tiny <script>",
        split="test",
        photos=2,
        queries=4,
        systems={"caption": system},
        captions={"BLEU-1": 62.25, "CIDEr": 101.5},
        index=IndexDescription(3, 7, None, {"name": "words", "sha256": "ab" * 32}),
        annotations={"name": "captions.jsonl", "sha256": "cd" * 32},
        left_out=("lost.jpg",),
        notices=("METEOR is left out: no Java",),
        config={"seed": 0, "index": {"captioner": "default"}},
        command="retrieve eval tiny",
        hardware="a machine",
        versions={"python": "3.11"},
    )


def test_the_document_has_the_fields_of_the_design_in_their_order(report: Report) -> None:
    document = json.loads(report.to_json())
    assert list(document)[:6] == ["dataset", "split", "photos", "queries", "systems", "captions"]
    caption = document["systems"]["caption"]
    assert caption.keys() == {"Recall@1", "Recall@5", "Recall@10", "MRR", "nDCG@10", "median_rank", "ci95"}
    assert caption["ci95"].keys() == caption.keys() - {"ci95"}


def test_the_numbers(report: Report) -> None:
    caption = json.loads(report.to_json())["systems"]["caption"]
    assert caption["Recall@1"] == 50
    assert caption["Recall@5"] == 100
    assert caption["median_rank"] == 1.5
    assert caption["MRR"] == pytest.approx(100 * (1 + 1 / 2 + 1 + 1 / 3) / 4, abs=1e-9)
    assert caption["nDCG@10"] == pytest.approx(100 * (1 + 1 / np.log2(3) + 1 + 1 / 2) / 4, abs=1e-9)
    # Both photos have one query of two found, whichever are drawn; their mean reciprocal ranks differ.
    assert caption["ci95"]["Recall@1"] == [50, 50]
    assert caption["ci95"]["MRR"] == pytest.approx([100 * 2 / 3, 100 * 3 / 4], abs=1e-9)


def test_numbers_that_are_none_are_never_written(report: Report) -> None:
    report.captions["CIDEr"] = float("nan")  # type: ignore[index]
    with pytest.raises(ValueError, match="not JSON compliant"):
        report.to_json()


def test_the_page_for_a_person(report: Report) -> None:
    page = render_markdown(report)
    assert "| caption | 50.0 [50.0, 50.0] | 100.0 [100.0, 100.0] |" in page
    assert "| captions of | BLEU-1 | CIDEr |\n| --- | ---: | ---: |\n| index | 62.2 | 101.5 |" in page
    for condition in (
        "retrieve eval tiny",
        "ab" * 32,
        "cd" * 32,
        "lost.jpg",
        "a machine",
        "python 3.11",
        "seed = 0, index.captioner = default",
    ):
        assert condition in page
    assert "trained on caption pairs of Flickr30k" in page
    assert "METEOR is left out: no Java" in page
    assert "<script>" not in page
