"""A calibration fitted on one index and looked at on it: the whole way, over photos and sentences made up."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eval.calibration.fitting import fit_calibration
from eval.calibration.study import study_calibration
from eval.dataset.collection import Collection
from eval.dataset.encoded_queries import EncodedQueries
from eval.failures.strictness import study_strictness
from eval.human_grades.judgements import JudgedPair
from retrieval.generations.derived import build_derived
from retrieval.progress import no_progress
from retrieval.query.query_language import Query
from retrieval.search.engine import SearchEngine
from retrieval.store.manifest import Manifest, ModelRecord, commit_manifest, read_manifest
from retrieval.store.schema import PhotoRow, Status, StoredCaption, photo_schema
from retrieval.store.shards import write_shard
from retrieval.text.probes import make_probes

WHO = ["a dog", "two dogs", "a cat", "a red car", "an old man", "a small child"]
WHERE = ["on the beach", "in the snow", "at night", "on a street", "in the garden"]
CAPTIONS = [
    [f"{who} {where}", f"{who} is seen {where}", f"there is {who} {where} today"]
    for who in WHO
    for where in WHERE
]


@pytest.fixture
def subject(
    tmp_path: Path, word_encoder: Any, make_collection_of: Callable[[Any], Collection]
) -> SimpleNamespace:
    """Thirty photos whose captions in the index are right about one half of what they show."""
    collection = make_collection_of(CAPTIONS)
    texts = [
        texts[1] if number % 3 else f"{WHO[number % 6]} somewhere" for number, texts in enumerate(CAPTIONS)
    ]
    rows = [
        PhotoRow(
            f"{number:064}",
            (b"%d.jpg" % number,),
            Status.INDEXED,
            captions=(StoredCaption(text),),
            caption_vector=vector,
        )
        for number, (text, vector) in enumerate(zip(texts, word_encoder.encode(texts), strict=True))
    ]
    manifest = Manifest(
        generation=1,
        captioner=ModelRecord("captioner", "a" * 64),
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        caption_dimension=word_encoder.dimension,
        shards=(write_shard(tmp_path, rows, photo_schema(word_encoder.dimension)),),
        probes=make_probes(word_encoder),
    )
    commit_manifest(tmp_path, build_derived(tmp_path, manifest))
    photos = tuple(
        SimpleNamespace(image_id=f"{number:064}", paths=(Path(f"{number}.jpg"),)) for number in range(30)
    )
    encoder = EncodedQueries(word_encoder)
    return SimpleNamespace(
        collection=Collection("tiny", "val", photos, collection.queries),
        index=tmp_path,
        manifest=read_manifest(tmp_path),
        engine=SearchEngine.open(tmp_path, encoder),
        encoder=encoder,
    )


def test_what_was_fitted_is_true_of_what_it_was_fitted_on(subject: Any) -> None:
    calibration = fit_calibration(subject, 7, no_progress)
    assert calibration.fits(subject.manifest)
    assert [sorted(curve.weights) for curve in calibration.curves] == [["caption"]]
    assert calibration.curves[0].weights["caption"] > 0
    assert calibration.fitted_on == "tiny, split val: the first 10 photos of 90 sentences"
    subject.engine = SearchEngine.open(subject.index, subject.encoder, calibration=calibration)
    study = study_calibration(subject, [], 7, no_progress)
    assert study is not None
    assert study.by_grades is None
    assert study.by_captions.hits == 900
    # A logistic curve says on average what is true of the hits it was fitted on.
    assert study.by_captions.said == pytest.approx(study.by_captions.true, abs=1e-6)
    assert study.by_captions.ece < 0.1
    assert study.agreement == calibration.agreement


def test_hits_that_people_graded_are_looked_at_apart(subject: Any) -> None:
    calibration = fit_calibration(subject, 64, no_progress)
    subject.engine = SearchEngine.open(subject.index, subject.encoder, calibration=calibration)
    query = subject.collection.queries[0]
    found = [int(hit.path.removesuffix(".jpg")) for hit in subject.engine.search(query.text, fold=False)]
    missed = next(number for number in range(30) if number not in found)
    judged = [
        JudgedPair(found[0], query, (2, 3, 4)),
        JudgedPair(found[1], query, (1, 2, 4)),
        JudgedPair(missed, query, (4, 4, 4)),
    ]
    study = study_calibration(subject, judged, 64, no_progress)
    assert study is not None
    assert study.by_grades is not None
    assert (study.by_grades.hits, study.by_grades.true) == (2, 0.5)


def test_without_a_calibration_there_is_nothing_to_look_at(subject: Any) -> None:
    assert study_calibration(subject, [], 64, no_progress) is None


def test_where_sentences_find_no_photo_of_the_dataset_there_is_nothing_to_look_at(subject: Any) -> None:
    calibration = fit_calibration(subject, 64, no_progress)
    subject.engine = SearchEngine.open(subject.index, subject.encoder, calibration=calibration)
    for photo in subject.collection.photos:
        photo.image_id = "f" * 64
    assert study_calibration(subject, [], 64, no_progress) is None


def test_searches_keep_to_their_conditions(subject: Any) -> None:
    word, phrase = study_strictness(subject, 20, no_progress)
    assert (word.kind, phrase.kind) == ("-word", '"two words"')
    for each in (word, phrase):
        # The caption channel, the lexical one and both.
        assert 0 < each.searches <= 60
        assert (each.wrong, each.hits > 0) == (0, True)
        assert each.wrong_unasked > 0.1
    assert study_strictness(subject, 0, no_progress) == ()


def test_searches_that_do_not_keep_to_them_are_seen(subject: Any) -> None:
    engine = subject.engine

    class Careless:
        """Forgets every condition."""

        channels = engine.channels

        def search_many(self, queries: Any, *arguments: Any, **options: Any) -> Any:
            plain = [Query(query.text) for query in queries]
            return engine.search_many(plain, *arguments, **options)

    subject.engine = Careless()
    for each in study_strictness(subject, 20, no_progress):
        assert each.wrong > 0
    assert np.isfinite(each.wrong_unasked)
