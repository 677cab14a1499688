"""The report as JSON and as Markdown, from numbers that can be checked by hand."""

import json
import re
from collections.abc import Callable

import numpy as np
import pytest

from eval.markdown import render_markdown
from eval.measures import recall_at
from eval.placements import Placements
from eval.report import Report
from eval.run_info import RunInfo


def test_the_document_has_the_fields_of_the_design_in_their_order(full_report: Report) -> None:
    document = json.loads(full_report.to_json())
    assert list(document)[:6] == ["dataset", "split", "photos", "queries", "systems", "captions"]
    caption = document["systems"]["caption"]
    assert caption.keys() == {
        *("Recall@1", "Recall@5", "Recall@10", "MRR", "nDCG@10", "median_rank", "mean_rank", "ci95")
    }
    assert caption["ci95"].keys() == caption.keys() - {"ci95"}


def test_the_numbers(full_report: Report) -> None:
    caption = json.loads(full_report.to_json())["systems"]["caption"]
    assert caption["Recall@1"] == 50
    assert caption["Recall@5"] == 100
    assert caption["median_rank"] == 1.5
    assert caption["mean_rank"] == 7 / 4
    assert caption["MRR"] == pytest.approx(100 * (1 + 1 / 2 + 1 + 1 / 3) / 4, abs=1e-9)
    assert caption["nDCG@10"] == pytest.approx(100 * (1 + 1 / np.log2(3) + 1 + 1 / 2) / 4, abs=1e-9)
    # Both photos have one query of two found, whichever are drawn; their mean reciprocal ranks differ.
    assert caption["ci95"]["Recall@1"] == [50, 50]
    assert caption["ci95"]["MRR"] == pytest.approx([100 * 2 / 3, 100 * 3 / 4], abs=1e-9)


def test_every_measure_can_be_computed_again_from_the_placements(full_report: Report) -> None:
    document = json.loads(full_report.to_json())
    placed = document["placements"]["caption"]
    again = Placements(4, np.arange(4), np.array(placed["above"]), np.array(placed["tied"]))
    assert 100 * recall_at(again, 1).mean() == document["systems"]["caption"]["Recall@1"]


def test_numbers_stand_in_one_line_and_texts_are_left_alone(full_report: Report) -> None:
    text = full_report.to_json()
    assert re.search(r'"above": \[0, 1, 0, 2\]', text)
    assert json.loads(text)["notices"] == ["METEOR is left out: [ 1,  2 ] no <b>Java</b>"]


def test_numbers_that_are_none_are_never_written(full_report: Report) -> None:
    full_report.captions["CIDEr"] = float("nan")  # type: ignore[index]
    with pytest.raises(ValueError, match="not JSON compliant"):
        full_report.to_json()


def test_times_and_the_machine_are_in_another_file(full_report: Report, run_info: RunInfo) -> None:
    document, info = json.loads(full_report.to_json()), json.loads(run_info.to_json())
    assert not document.keys() & info.keys()
    assert info.keys() == {"command", "hardware", "seconds", "finished", "stages", "ann_speed"}
    assert "a machine" not in full_report.to_json()


def test_the_page_for_a_person(full_report: Report, run_info: RunInfo) -> None:
    page = render_markdown(full_report, run_info)
    for part in (
        "| caption | 50.0 [50.0, 50.0] | 100.0 [100.0, 100.0] |",
        "| human caption | 50.0",
        "| BLEU-1 | 62.2 |",
        "| caption − human caption | Recall@1 | +0.0 [+0.0, +0.0] | 1.000 | 1.000 | no |",
        "| the caption does not mention it | 1 | 50.0 % | 1 |",
        "| caption | 3 | IVF | nlist 2, nprobe 1 | 87.5 | 0.500 | 0.600 | 0.700 | 1,234 |",
        "| NIC | 19.0 | – | 64.0 | published: Vinyals et al., Show and Tell, CVPR 2015 |",
        "| caption (ours) | 50.0 | 100.0 | 100.0 | measured here |",
        "| chance | 75.0 [74.0, 76.0] |",
        "| CIDEr | 46.8 | 43.9 |",
        "command: retrieve eval tiny",
        "ab" * 32,
        "cd" * 32,
        "lost.jpg",
        "a machine",
        "python 3.11",
        "seed = 0, index.captioner = default",
        "trained on caption pairs of Flickr30k",
        "METEOR is left out: ",
    ):
        assert part in page
    assert "<script>" not in page
    assert "<img" not in page


def test_a_report_of_little_has_only_the_tables_that_it_has_something_for(
    bare_report: Report, render: Callable[[Report, RunInfo], str]
) -> None:
    page = render_markdown(bare_report, RunInfo())
    assert "## Photos found by sentence" in page
    for title in ("published results", "people's grades", "queries fail", "Index types", "more than chance"):
        assert title not in page
    html = render(bare_report, RunInfo())
    assert "Photos found by sentence" in html
    assert "Index types" not in html
