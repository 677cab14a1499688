"""What an approximate index leaves out, found by exact search over the vectors in the shards."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.ann.exact import find_skipped, measure_index, read_exact_channels
from eval.dataset.collection import Collection, CorpusPhoto, EvalQuery
from eval.dataset.encoded_queries import EncodedQueries
from eval.dataset.preparation import Subject
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.search.engine import SearchEngine
from retrieval.search.hit import Ranking
from retrieval.store.manifest import read_manifest
from retrieval.text.text_encoder import TextEncoder

CAPTIONS = {b"log": "a dog on a log", b"sofa": "a cat on a sofa", b"beach": "a child at the beach"}
QUERIES = ("the dog and its log", "a cat asleep", "children at the beach")


@pytest.fixture
def subject(
    tmp_path: Path, make_index: Callable[..., dict[bytes, str]], word_encoder: TextEncoder
) -> Subject:
    image_ids = make_index(tmp_path / "index", CAPTIONS, word_encoder)
    photos = tuple(
        CorpusPhoto(image_ids[path], (path.decode(),), (Path(path.decode()),), ()) for path in CAPTIONS
    )
    queries = tuple(EvalQuery(f"{number}#0", text, number) for number, text in enumerate(QUERIES))
    return Subject(
        CaptionedDataset("tiny", (), (tmp_path,)),
        Collection("tiny", "test", photos, queries),
        tmp_path / "index",
        read_manifest(tmp_path / "index"),
        SearchEngine.open(tmp_path / "index", word_encoder),
        EncodedQueries(word_encoder),
        tuple(CAPTIONS.values()),
    )


class Forgetful:
    """An engine whose answers lack their best photo, as an approximate index's may."""

    def __init__(self, engine: SearchEngine) -> None:
        self._engine = engine

    def rank(self, queries: list[str], k: int | None = None, channel: str | None = None) -> Ranking:
        ranking = self._engine.rank(queries, k, channel)
        photos_QK = ranking.photos_QK.copy()
        photos_QK[:, 0] = -1
        return replace(ranking, photos_QK=photos_QK)


def approximate(subject: Subject) -> Subject:
    vectors = tuple(replace(record, kind="ivf") for record in subject.manifest.vectors)
    return replace(subject, manifest=replace(subject.manifest, vectors=vectors))


def test_the_stored_vectors_are_those_that_the_engine_searches(
    subject: Subject, word_encoder: TextEncoder
) -> None:
    exact = read_exact_channels(subject)
    assert list(exact) == ["caption"]
    by_id = dict(zip((photo.image_id for photo in subject.collection.photos), CAPTIONS.values(), strict=True))
    expected = word_encoder.encode([by_id[image_id] for image_id in sorted(by_id)])
    np.testing.assert_allclose(exact["caption"].vectors, expected, atol=1e-6)


def test_an_exact_index_finds_all(subject: Subject) -> None:
    assert measure_index(subject, read_exact_channels(subject), QUERIES) == {"caption": 100}


def test_what_an_index_leaves_out_is_counted(subject: Subject) -> None:
    forgetful = replace(subject, engine=Forgetful(subject.engine))
    found = measure_index(forgetful, read_exact_channels(subject), QUERIES)
    assert found["caption"] == pytest.approx(200 / 3, abs=1e-9)


def test_a_photo_without_an_answer_was_skipped_where_exact_search_has_it_among_the_first(
    subject: Subject,
) -> None:
    exact = read_exact_channels(subject)
    own_scores = {"caption": np.array([-np.inf, 0.5, -np.inf])}
    assert find_skipped(approximate(subject), exact, own_scores, depth=1).tolist() == [True, False, True]
    # A flat index skips nothing: what it has no answer for is something else's fault.
    assert not find_skipped(subject, exact, own_scores, depth=1).any()
    backwards = replace(
        subject.collection,
        queries=tuple(replace(query, photo=2 - query.photo) for query in subject.collection.queries),
    )
    wrong = replace(approximate(subject), collection=backwards)
    assert find_skipped(wrong, exact, own_scores, depth=1).tolist() == [False, False, False]
