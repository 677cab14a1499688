"""Several channels: each is a system, all of them fused another, and each is compared with each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.config import EvalConfig
from eval.dataset.collection import Collection
from eval.dataset.encoded_queries import EncodedQueries
from eval.dataset.preparation import EvalRequest, Subject
from eval.run import measure_systems
from eval.searching.search_outcome import SearchOutcome, search_all
from eval.searching.systems import list_vector_channels
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.channel import Channel
from retrieval.errors import RetrievalError
from retrieval.progress import no_progress
from retrieval.search.hit import Ranking
from retrieval.store.manifest import Manifest, ModelRecord, VectorsRecord
from retrieval.text.text_encoder import TextEncoder
from tests.people import PEOPLE


@pytest.fixture
def subject(
    tmp_path: Path, small_collection: Collection, table_engine: type, word_encoder: TextEncoder
) -> Subject:
    (tmp_path / "captions.jsonl").write_text("")
    right = np.eye(4)[small_collection.right_photos]
    noise = np.random.default_rng(0).random((12, 4)) / 2
    tables = {"caption": right - noise, "image": noise, "lexical": np.zeros((12, 4)), None: right}
    vectors = tuple(VectorsRecord(name, "ab" * 32, 1, "flat", 4, 48) for name in ("image", "caption"))
    manifest = Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        caption_dimension=48,
        photos=4,
        vectors=vectors,
    )
    return Subject(
        CaptionedDataset("tiny", (), (tmp_path / "captions.jsonl",)),
        small_collection,
        tmp_path,
        manifest,
        table_engine(small_collection, tables),
        EncodedQueries(word_encoder),
        ("a dog", "a cat", "children", "pasta"),
    )


@pytest.fixture
def outcome(tmp_path: Path, subject: Subject) -> SearchOutcome:
    return search_all(subject, tmp_path, EvalConfig(queries_per_batch=5), no_progress)


def test_every_system_searches_for_every_query(tmp_path: Path, outcome: SearchOutcome) -> None:
    assert list(outcome.runs) == ["caption", "image", "lexical", "fused", "reciprocal_rank"]
    for name in outcome.runs:
        assert len((tmp_path / f"run.{name}.txt").read_text().splitlines()) == 12 * 4
    assert list(outcome.placements) == [*outcome.runs, "human caption"]


def test_they_take_turns_batch_by_batch(tmp_path: Path, subject: Subject) -> None:
    asked, steps = list[tuple[str | None, int]](), list[tuple[int, int]]()
    rank = subject.engine.rank

    def note(queries: Sequence[str], k: int | None = None, channel: str | None = None) -> Ranking:
        asked.append((channel, len(queries)))
        return rank(queries, k, channel)

    subject.engine.rank = note
    search_all(
        subject, tmp_path, EvalConfig(queries_per_batch=8), lambda _, done, total: steps.append((done, total))
    )
    # Where sentences are searched by photo, all photos are wanted: both vector channels are asked once more.
    turn = ("caption", "image", "lexical", None, None, "caption", "image")
    assert asked == [(channel, count) for count in (8, 4) for channel in turn]
    assert steps == [(8, 12), (12, 12)]


def test_where_one_fails_none_leaves_a_run(tmp_path: Path, subject: Subject) -> None:
    before = sorted(tmp_path.iterdir())
    # The eighth answer is the third system's second.
    factors = iter([1.0] * 7 + [np.nan])
    subject.engine.spoil = lambda ranking: replace(ranking, scores_QK=ranking.scores_QK * next(factors))
    with pytest.raises(RetrievalError, match="have NaN scores"):
        search_all(subject, tmp_path, EvalConfig(queries_per_batch=5), no_progress)
    assert sorted(tmp_path.iterdir()) == before


def test_reciprocal_ranks_are_fused_with_equal_weights(subject: Subject, outcome: SearchOutcome) -> None:
    (fusion,) = subject.engine.fusions
    assert fusion.method == "reciprocal_rank"
    assert {fusion.weight(channel) for channel in Channel} == {1.0}


def test_sentences_are_found_by_photo_where_scores_are_similarities(
    subject: Subject, outcome: SearchOutcome
) -> None:
    assert list_vector_channels(subject) == ["caption", "image"]
    assert list(outcome.by_image) == ["caption", "image"]
    assert outcome.by_image["caption"].queries == 4


def test_all_are_measured_and_every_pair_compared(
    tmp_path: Path, subject: Subject, outcome: SearchOutcome
) -> None:
    request = EvalRequest(data=tmp_path, out=tmp_path, config=EvalConfig(permutations=200))
    report = measure_systems(subject, outcome, request)
    assert list(report.systems) == ["caption", "image", "lexical", "fused", "reciprocal_rank"]
    assert list(report.ceiling) == ["human caption"]
    assert report.systems["fused"].measures["Recall@1"] == 100
    assert report.systems["lexical"].measures["Recall@1"] == 25
    assert len(report.comparisons) == 15 * 5
    assert list(report.sentence_search) == ["caption", "image"]
    assert {vectors["channel"] for vectors in report.index.vectors} == {"caption", "image"}
