"""report.html: nothing fetched, run or unescaped, and the drawings are where the numbers are."""

import base64
import hashlib
import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.measures.rank_measures import recall_at
from eval.report.findings import Report
from eval.report.page.ann_chart import draw_ann
from eval.report.page.line_chart import BOTTOM, LEFT, RIGHT, TOP
from eval.report.page.rank_chart import draw_ranks
from eval.report.page.recall_chart import draw_recall
from eval.report.page.reliability_chart import draw_reliability
from eval.report.page.scale import Scale, format_tick, list_powers
from eval.report.run_info import RunInfo
from eval.searching.placements import Placements
from retrieval.pictures.thumbnail import embed_thumbnail

Render = Callable[[Report, RunInfo], str]


class Elements(HTMLParser):
    """Every element with its attributes, and the text of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(full_report: Report, run_info: RunInfo, render: Render) -> str:
    return render(full_report, run_info)


class TestSafety:
    def test_nothing_runs_and_nothing_is_fetched(self, page: str) -> None:
        elements = Elements(page)
        assert {tag for tag, _ in elements.found} & {
            "script",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
        } == set()
        for tag, attributes in elements.found:
            assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
            for name in ("src", "href", "srcset", "xlink:href"):
                assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
        assert "url(" not in page
        assert "@import" not in page

    def test_captions_are_text(self, page: str) -> None:
        elements = Elements(page)
        assert elements.text.count('"><img src=x onerror=alert(1)>') == 3
        assert [attributes["alt"] for tag, attributes in elements.found if tag == "img"] == ["1.jpg"]
        assert "0.jpg cannot be shown" in elements.text
        assert "tiny <script>" in elements.text

    def test_the_policy_allows_the_one_style_sheet_alone(self, page: str) -> None:
        policy = next(
            attributes["content"] or ""
            for tag, attributes in Elements(page).found
            if attributes.get("http-equiv") == "Content-Security-Policy"
        )
        (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy.split("; ") == [
            "default-src 'none'",
            "img-src data:",
            f"style-src 'sha256-{digest}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]

    def test_the_drawings_are_well_formed(self, page: str) -> None:
        drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
        assert len(drawings) == 1 + 2 + 1 + 1  # Recall, two systems' ranks, sureness, one set of vectors.
        for drawing in drawings:
            ElementTree.fromstring(drawing)


def test_it_says_what_the_report_says(page: str) -> None:
    text = Elements(page).text
    for part in ("50.0", "[50.0, 50.0]", "human caption", "Show and Tell", "nprobe", "ab" * 32, "a machine"):
        assert part in text


@pytest.mark.parametrize(
    ("section", "rows"),
    [
        ("sureness", ["10–20 % 1,200 15.0 12.5 – –", "60–70 % 4 65.0 75.0 2 50.0"]),
        ("strictness", ["-word 30 290 0 0.0 % 25.5 %", '"two words" 24 1,200 30 2.5 % 87.5 %']),
    ],
)
def test_how_sure_and_how_strict_a_search_is(page: str, section: str, rows: list[str]) -> None:
    (found,) = re.findall(rf'<section id="{section}">(.*?)</section>', page, flags=re.DOTALL)
    assert "Fitted on a <b>few</b> photos." in Elements(page).text
    (body,) = re.findall(r"<tbody>(.*?)</tbody>", found, flags=re.DOTALL)
    lines = [" ".join(Elements(row.replace("<t", " <t")).text.split()) for row in body.split("</tr>")]
    assert lines == [*rows, ""]


class TestDrawings:
    def test_recall_is_drawn_where_it_is(self, full_report: Report) -> None:
        chart = draw_recall(full_report, np.array([0, 0, 1, 1]))
        line = chart.lines[0]
        assert [point.title.split(":")[1].split("[")[0] for point in line.points] == [
            " Recall@1 50.0 ",
            " Recall@2 75.0 ",
            " Recall@3 100.0 ",
        ]
        assert (line.points[0].x, line.points[-1].x) == (LEFT, RIGHT)
        assert (line.points[0].y, line.points[-1].y) == ((TOP + BOTTOM) / 2, TOP)
        assert len(line.band) == 2 * len(line.points)
        labels = sorted(line.label_y for line in chart.lines)
        assert labels[1] - labels[0] >= 15

    def test_ranks_add_up(self, full_report: Report) -> None:
        for histogram in draw_ranks(full_report):
            assert [bar.label for bar in histogram.bars] == ["1", "2–5"]
            assert [bar.share for bar in histogram.bars] == [50, 50]
            assert max(bar.height for bar in histogram.bars) == 100

    def test_a_tied_photo_counts_in_each_bin_as_likely_as_it_comes_there(self, full_report: Report) -> None:
        # None above and four tied; four above and four tied; none above and all twelve tied.
        tied = Placements(3, np.arange(3), np.array([0, 4, 0]), np.array([4, 4, 12]))
        report = replace(full_report, photos=12, placements={"caption": tied})
        (histogram,) = draw_ranks(report)
        assert [bar.label for bar in histogram.bars] == ["1", "2–5", "6–10", "11–20"]
        expected = [1 / 4 + 1 / 12, 3 / 4 + 1 / 4 + 4 / 12, 3 / 4 + 5 / 12, 2 / 12]
        assert [bar.share for bar in histogram.bars] == pytest.approx([100 / 3 * each for each in expected])
        for last, k in ((1, 1), (2, 5), (3, 10), (4, 12)):
            shares = [bar.share for bar in histogram.bars[:last]]
            assert sum(shares) == pytest.approx(100 * recall_at(tied, k).mean())

    def test_beyond_the_last_bin_nothing_is_lost(self, full_report: Report) -> None:
        far = Placements(2, np.arange(2), np.array([999, 1000]), np.array([2, 1000]))
        (histogram,) = draw_ranks(replace(full_report, photos=2000, placements={"caption": far}))
        assert [bar.share for bar in histogram.bars] == [0, 0, 0, 0, 0, 0, 25, 75]

    def test_index_types_carry_their_settings(self, full_report: Report, run_info: RunInfo) -> None:
        (chart,) = draw_ann(full_report, run_info)
        assert [line.name for line in chart.lines] == ["flat", "ivf_sq8"]
        assert [point.label for point in chart.lines[1].points] == ["1", "2"]
        assert chart.lines[1].points[0].x < chart.lines[1].points[1].x == RIGHT
        assert draw_ann(full_report, replace(run_info, ann_speed=())) == []

    def test_exact_search_alone_is_no_chart(self, full_report: Report, run_info: RunInfo) -> None:
        assert full_report.ann is not None
        exact = replace(full_report.ann, rows=full_report.ann.rows[:1])
        info = replace(run_info, ann_speed=run_info.ann_speed[:1])
        assert draw_ann(replace(full_report, ann=exact), info) == []

    def test_probabilities_are_drawn_beside_what_was_true(self, full_report: Report, page: str) -> None:
        chart = draw_reliability(full_report)
        assert chart is not None
        said, captions, grades = chart.lines
        assert [(point.x, point.y) for point in said.points] == [(LEFT, BOTTOM), (RIGHT, TOP)]
        shares = {captions: [(0.15, 0.125), (0.65, 0.75)], grades: [(0.64, 0.5)]}
        for line, expected in shares.items():
            places = [
                ((point.x - LEFT) / (RIGHT - LEFT), (point.y - BOTTOM) / (TOP - BOTTOM))
                for point in line.points
            ]
            assert places == [pytest.approx(each) for each in expected]
        assert [line.name for line in chart.lines] == ["as said", "by captions", "by grades"]
        assert captions.points[0].title == "by captions: 15.0 % said, 12.5 % true of 1,200 hits"
        assert page.count(captions.points[0].title) == 1
        assert [tick.label for tick in chart.x_ticks] == ["0", "20", "40", "60", "80", "100"]

    def test_without_probabilities_none_is_drawn(self, full_report: Report) -> None:
        assert full_report.sureness is not None
        by_captions = replace(full_report.sureness, by_grades=None)
        chart = draw_reliability(replace(full_report, sureness=by_captions))
        assert chart is not None
        assert [line.name for line in chart.lines] == ["as said", "by captions"]
        assert draw_reliability(replace(full_report, sureness=None)) is None

    def test_scales(self) -> None:
        scale = Scale(1, 100, 0, 200, logarithmic=True)
        assert [scale.place(value) for value in (1, 10, 100, 1000)] == [0, 100, 200, 200]
        assert Scale(0, 10, 100, 0).place(2.5) == 75
        assert list_powers(1, 100) == [1, 2, 5, 10, 20, 50, 100]
        assert list_powers(0.03, 0.3) == pytest.approx([0.05, 0.1, 0.2])
        assert [format_tick(value) for value in (1000, 5, 0.05)] == ["1,000", "5", "0.05"]


class TestThumbnails:
    def test_a_photo_fits_and_stands_upright(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # Turned by a quarter.
        Image.new("RGB", (800, 400), "tomato").save(tmp_path / "a.jpg", exif=exif)
        kind, _, data = embed_thumbnail(tmp_path / "a.jpg").partition(",")
        assert kind == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (120, 240)

    def test_what_cannot_be_read_is_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(b"no photo")
        assert embed_thumbnail(tmp_path / "a.jpg") == embed_thumbnail(tmp_path / "b.jpg") == ""
