"""A collection, an engine of channels whose every score can be read off, and a report of everything."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.ann.benchmark import AnnRow
from eval.calibration.reliability import Bin, Reliability
from eval.calibration.study import CalibrationStudy
from eval.captions.diversity import count_diversity
from eval.dataset.collection import Collection, CorpusPhoto, EvalQuery
from eval.failures.causes import Cause
from eval.failures.misses import Exhibit, Failures
from eval.failures.strictness import Strictness
from eval.human_grades.human_judgement import HumanJudgement
from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.comparisons import Comparison
from eval.measures.system_result import measure_sentence_search, measure_system
from eval.report.findings import AnnResult, IndexDescription, Report
from eval.report.page.page import render_page
from eval.report.published import PUBLISHED
from eval.report.run_info import RunInfo
from eval.searching.placements import Placements, place_relevant
from retrieval.captioned_dataset import tokenize
from retrieval.channels.searcher import Searcher
from retrieval.search.fusion import FusionConfig
from retrieval.search.hit import Ranking
from tests.people import PEOPLE

CAPTIONS = (
    ("a brown dog jumps over a log", "a dog leaps over wood", "the dog is jumping"),
    ("a cat sleeps on a red sofa", "a cat on a couch", "the cat is asleep"),
    ("two children build a castle on the beach", "children play in sand", "kids at the sea"),
    ("a plate of pasta on a table", "dinner is served", "noodles with sauce"),
)


def write_collection(captions: Sequence[Sequence[str]] = CAPTIONS) -> Collection:
    """Photos `0.jpg`, `1.jpg`, … whose image_ids sort in another order than their numbers."""
    photos = tuple(
        CorpusPhoto(
            f"{9 - number}" * 64,
            (f"{number}.jpg",),
            (Path(f"images/{number}.jpg"),),
            tuple(map(tokenize, of_photo)),
        )
        for number, of_photo in enumerate(captions)
    )
    queries = tuple(
        EvalQuery(f"{number}.jpg#{n}", text, number)
        for number, of_photo in enumerate(captions)
        for n, text in enumerate(of_photo)
    )
    return Collection("tiny", "test", photos, queries)


class TableEngine:
    """Answers with the scores of a table: channel → (queries of the collection, photos of the collection).

    None is the channel of a fused search. `spoil` may change an answer before it is given.
    """

    def __init__(self, collection: Collection, scores: dict[str | None, np.ndarray]) -> None:
        self._rows = {query.text: row for row, query in enumerate(collection.queries)}
        ids = [photo.image_id for photo in collection.photos]
        self._order = sorted(range(len(ids)), key=ids.__getitem__)
        self._image_ids = tuple(sorted(ids))
        self._scores = scores
        self.spoil: Callable[[Ranking], Ranking] = lambda ranking: ranking
        self.fusions: list[FusionConfig] = []

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(channel for channel in self._scores if channel is not None)

    def with_fusion(self, fusion: FusionConfig) -> "TableEngine":
        """Itself: its table says what a fused search answers."""
        self.fusions.append(fusion)
        return self

    def with_searchers(self, wrap: Callable[[Searcher], Searcher]) -> "TableEngine":
        """Itself: a table has no channels to be asked."""
        return self

    def rank(self, queries: Sequence[str], k: int | None = None, channel: str | None = None) -> Ranking:
        rows = [self._rows[text] for text in queries]
        scores_QN = self._scores[channel][np.ix_(rows, self._order)].astype(np.float32)
        photos_QK = np.argsort(-scores_QN, axis=1, kind="stable")[:, :k]
        return self.spoil(Ranking(self._image_ids, photos_QK, np.take_along_axis(scores_QN, photos_QK, 1)))


@pytest.fixture
def small_collection() -> Collection:
    return write_collection()


@pytest.fixture
def make_collection_of() -> Callable[[Sequence[Sequence[str]]], Collection]:
    """`write_collection`."""
    return write_collection


@pytest.fixture
def table_engine() -> type[TableEngine]:
    return TableEngine


# Two queries each of two photos, among three: the right one is 1st, 2nd, 1st, 3rd.
SCORES = np.array([[3, 2, 1], [2, 3, 1], [1, 3, 2], [3, 1, 2]], dtype=np.float32)
RIGHT = np.array([0, 0, 1, 1])
HOSTILE = '"><img src=x onerror=alert(1)><script>document.title="owned"</script>'


@pytest.fixture
def bare_report() -> Report:
    """A report of one system and nothing else."""
    placements = place_relevant(SCORES, RIGHT[:, None].tolist())
    return Report(
        dataset="tiny <script>",
        split="test",
        photos=3,
        queries=4,
        systems={"caption": measure_system(placements, PhotoBootstrap(RIGHT, 100, seed=0))},
        captions={"BLEU-1": 62.25, "CIDEr": 101.5},
        index=IndexDescription(3, 7, asdict(PEOPLE), {"name": "words", "sha256": "ab" * 32}),
        annotations={"name": "captions.jsonl", "sha256": "cd" * 32},
        placements={"caption": placements},
    )


@pytest.fixture
def full_report(bare_report: Report) -> Report:
    """A report with something in every field, much of it hostile."""
    (placements,) = bare_report.placements.values()
    by_photo = Placements(2, np.array([0, 0, 1]), np.array([0, 1, 2]), np.array([1, 1, 1]))
    exhibit = Exhibit(
        "1.jpg#1", HOSTILE, "1.jpg", HOSTILE, Cause.CAPTION, 0.25, {"caption": 3}, "0.jpg", HOSTILE
    )
    # By grades two hits: of both 0.64 was said, and one was right.
    by_grades = Reliability(2, 0.64, 0.5, 0.14, 0.2696, (Bin(0.6, 0.7, 2, 0.64, 0.5),))
    by_captions = Reliability(
        1204, 0.152, 0.127, 0.0253, 0.11, (Bin(0.1, 0.2, 1200, 0.15, 0.125), Bin(0.6, 0.7, 4, 0.65, 0.75))
    )
    return replace(
        bare_report,
        ceiling={"human caption": bare_report.systems["caption"]},
        placements={"caption": placements, "human caption": placements},
        sentence_search={"caption": measure_sentence_search(by_photo, PhotoBootstrap(np.arange(2), 100, 0))},
        comparisons=(Comparison("caption", "human caption", "Recall@1", 0.0, (0.0, 0.0), 1.0, 1.0),),
        diversity={"index": count_diversity([("a", "dog")])},
        human_judgement=HumanJudgement(
            4,
            1,
            0,
            2,
            0,
            {"chance": 75.0},
            {"chance": (74.0, 76.0)},
            {"CIDEr": {"tau_b": 46.8, "tau_c": 43.9}},
        ),
        sureness=CalibrationStudy("a <b>few</b> photos", 0.4567, by_captions, by_grades),
        strictness=(Strictness("-word", 30, 290, 0, 0.255), Strictness('"two words"', 24, 1200, 30, 0.875)),
        failures=Failures(
            "caption",
            10,
            2,
            {"caption": 1, "vectors": 1, "fusion": 0, "approximate_index": 0},
            {"caption": 1, "vectors": 0, "fusion": 0, "approximate_index": 0},
            (exhibit,),
        ),
        ann=AnnResult(
            {"caption": 100.0},
            {"caption": "the index's own"},
            (
                AnnRow("caption", 3, "flat", {}, 3, 100.0),
                AnnRow("caption", 3, "ivf_sq8", {"nlist": 2, "nprobe": 1}, 3, 87.5),
                AnnRow("caption", 3, "ivf_sq8", {"nlist": 2, "nprobe": 2}, 3, 100.0),
            ),
        ),
        published=PUBLISHED,
        left_out=("lost.jpg",),
        notices=("METEOR is left out: [ 1,  2 ] no <b>Java</b>",),
        config={"seed": 0, "index": {"captioner": "default"}},
        versions={"python": "3.11"},
    )


@pytest.fixture
def run_info() -> RunInfo:
    speed = {"p50_ms": 0.5, "p95_ms": 0.6, "p99_ms": 0.7, "queries_per_second": 1234.0}
    return RunInfo(
        command="retrieve eval tiny",
        hardware="a machine",
        seconds=3.2,
        finished="2026-11-23T12:00:00",
        ann_speed=(speed, speed, speed),
    )


@pytest.fixture
def render(tmp_path: Path) -> Callable[[Report, RunInfo], str]:
    """The page of a report whose photo 1.jpg is there and 0.jpg is not."""
    Image.new("RGB", (600, 300), "tomato").save(tmp_path / "1.jpg")
    photos = {"1.jpg": tmp_path / "1.jpg", "0.jpg": tmp_path / "0.jpg"}
    return lambda report, info: render_page(report, info, photos, RIGHT)
