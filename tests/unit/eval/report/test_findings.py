"""The report as JSON and as Markdown, from numbers that can be checked by hand."""

import json
import re
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from eval.measures.rank_measures import recall_at
from eval.report.findings import Report
from eval.report.markdown import render_markdown
from eval.report.run_info import RunInfo
from eval.searching.placements import Placements


def test_the_document_has_the_fields_of_the_design_in_their_order(full_report: Report) -> None:
    document = json.loads(full_report.to_json())
    assert list(document)[:6] == ["dataset", "split", "photos", "queries", "systems", "captions"]
    assert list(document) == [field.name for field in fields(Report)]
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
        r"| caption | 3 | ivf\_sq8 | nlist 2, nprobe 1 | 87.5 | 0.500 | 0.600 | 0.700 | 1,234 |",
        "Of 2,000 vectors or fewer every type compares all: there is flat alone.",
        "| NIC | 19.0 | – | 64.0 | published: Vinyals et al., Show and Tell, CVPR 2015 |",
        "| caption (ours) | 50.0 | 100.0 | 100.0 | measured here |",
        "| chance | 75.0 [74.0, 76.0] |",
        "## How sure a hit is",
        "| 10–20 % | 1,200 | 15.0 | 12.5 | – | – |",
        "| 60–70 % | 4 | 65.0 | 75.0 | 2 | 50.0 |",
        "with people's captions of it is at least 0.457, which",
        "captions: expected calibration error 2.5, Brier score 0.110, over 1,204 hits, 15.2 said and 12.7 ",
        "grades: expected calibration error 14.0, Brier score 0.270, over 2 hits, 64.0 said and 50.0 true.",
        r"Fitted on a \<b\>few\</b\> photos.",
        "## Searches with conditions",
        "| -word | 30 | 290 | 0 | 0.0 % | 25.5 % |",
        '| "two words" | 24 | 1,200 | 30 | 2.5 % | 87.5 % |',
        "| CIDEr | 46.8 | 43.9 |",
        "command: retrieve eval tiny",
        "ab" * 32,
        "cd" * 32,
        "lost.jpg",
        "a machine",
        "python 3.11",
        "seed = 0, index.captioner = default",
        "METEOR is left out: ",
    ):
        assert part in page
    assert "<script>" not in page
    assert "<img" not in page


def test_only_where_it_may_have_met_them_the_text_encoder_is_said_to_have(bare_report: Report) -> None:
    met, other = "trained on caption pairs of Flickr30k", {"name": "all-MiniLM-L6-v2", "sha256": "ab" * 32}
    shipped = replace(bare_report, index=replace(bare_report.index, text_encoder=other))
    assert met in render_markdown(replace(shipped, dataset="flickr8k"), RunInfo())
    assert met not in render_markdown(shipped, RunInfo())
    assert met not in render_markdown(replace(bare_report, dataset="flickr8k"), RunInfo())


def test_a_report_of_little_has_only_the_tables_that_it_has_something_for(
    bare_report: Report, render: Callable[[Report, RunInfo], str]
) -> None:
    page = render_markdown(bare_report, RunInfo())
    assert "## Photos found by sentence" in page
    others = ("published results", "people's grades", "queries fail", "Index types", "more than chance")
    for title in (*others, "How sure", "Searches with conditions"):
        assert title not in page
    html = render(bare_report, RunInfo())
    assert "Photos found by sentence" in html
    for title in ("Index types", "How sure", "Searches with conditions"):
        assert title not in html


def test_hits_that_nobody_graded_have_no_grades(full_report: Report) -> None:
    assert full_report.sureness is not None
    page = render_markdown(
        replace(full_report, sureness=replace(full_report.sureness, by_grades=None)), RunInfo()
    )
    assert "| 60–70 % | 4 | 65.0 | 75.0 | – | – |" in page
    assert "By people's captions: " in page
    assert "By people's grades: " not in page


def test_how_sure_and_how_strict_a_search_is_stands_in_the_document(full_report: Report) -> None:
    document = json.loads(full_report.to_json())
    assert document["sureness"]["agreement"] == 0.4567
    bin_of_four = {"low": 0.6, "high": 0.7, "hits": 4, "said": 0.65, "true": 0.75}
    assert document["sureness"]["by_captions"]["bins"][1] == bin_of_four
    assert document["sureness"]["by_grades"]["brier"] == 0.2696
    words = {"kind": "-word", "searches": 30, "hits": 290, "wrong": 0, "wrong_unasked": 0.255}
    assert document["strictness"][0] == words
