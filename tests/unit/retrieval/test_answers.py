"""What is made of ranked photos: copies folded, probabilities, reasons, photos like a photo."""

import gc
import math
import os
import pickle
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval import RetrievalError, SearchEngine
from retrieval.channel import Channel
from retrieval.errors import UnknownPhotoError, UsageError
from retrieval.query.query_language import Query
from retrieval.search import explanation
from retrieval.search.calibration import Calibration, Logistic
from retrieval.search.explanation import Explanation
from retrieval.search.results import LIKELY
from retrieval.store.manifest import ModelRecord, commit_manifest, read_manifest
from retrieval.store.schema import Provenance, StoredAttention, StoredCaption
from tests.hit_numbers import numbers

CAPTIONS = ["a dog on the beach", "a dog at the sea", "a dog on sand", "a red car", "a cat on a sofa"]
MODEL = ModelRecord("captioner", "a" * 64)

Make = Callable[..., SearchEngine]


def circle(*degrees: float) -> np.ndarray:
    """Image vectors whose cosines are those of the angles between them."""
    vectors_ND = np.zeros((len(degrees), 48), dtype=np.float32)
    vectors_ND[:, 0], vectors_ND[:, 1] = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return vectors_ND


def list_matched(explained: Explanation) -> tuple[str, ...]:
    return tuple(word.word for word in explained.words if word.matched)


@pytest.fixture
def rows(photo: Callable[..., Any]) -> list[Any]:
    return [photo(f"{number}", text) for number, text in enumerate(CAPTIONS)]


def test_copies_are_folded_under_the_best_of_them(open_engine: Make, rows: list[Any]) -> None:
    engine = open_engine(rows, circle(0, 90, 2, 180, 3))
    every = engine.search("a dog on the beach", channel="caption", fold=False)
    assert numbers(every) == [0, 2, 1, 4, 3]
    assert all(hit.duplicates == () for hit in every)
    folded = engine.search("a dog on the beach", channel="caption")
    assert numbers(folded) == [0, 1, 3]
    assert [hit.rank for hit in folded] == [1, 2, 3]
    assert folded[0].duplicates == (every[1].image_id, every[3].image_id)
    assert folded[0].channels == every[0].channels
    assert numbers(engine.search("a dog on the beach", k=2, channel="caption")) == [0, 1]


def test_k_come_back_however_many_copies_there_are(open_engine: Make, photo: Callable[..., Any]) -> None:
    copies = [photo(f"{number}", "a dog on the beach") for number in range(300)]
    others = [photo(f"{number}", f"a cat number {number}") for number in range(300, 305)]
    engine = open_engine([*copies, *others], circle(*[0] * 300, *range(60, 160, 20)))
    for channel in (None, "caption"):
        hits = engine.search("a dog on the beach", k=4, channel=channel)
        assert len(hits) == 4
        assert len(hits[0].duplicates) == 299


def test_without_image_vectors_nothing_is_folded(open_engine: Make, rows: list[Any]) -> None:
    engine = open_engine(rows, np.full((5, 48), np.nan, dtype=np.float32))
    assert len(engine.search("a dog", channel="caption")) == 5


def calibrate(engine: SearchEngine, index: Path, encoder: Any, *curves: Logistic) -> SearchEngine:
    """The same index with a captioner's name and a calibration for it."""
    manifest = read_manifest(index)
    fields = {name: getattr(manifest, name) for name in type(manifest).__slots__}
    commit_manifest(index, type(manifest)(**fields | {"generation": 2, "captioner": MODEL}))
    calibration = Calibration(MODEL.sha256, encoder.weights_sha256, curves, 0.4, "nothing")
    return SearchEngine.open(index, encoder, calibration=calibration)


@pytest.fixture
def sure(open_engine: Make, rows: list[Any], tmp_path: Path, word_encoder: Any) -> SearchEngine:
    """Of its caption channel, every photo is the likelier the nearer its caption; at 0.8 it is even."""
    curve = Logistic({Channel.CAPTION: 20.0}, -16.0)
    return calibrate(open_engine(rows), tmp_path / "index", word_encoder, curve)


def test_every_hit_has_its_probability(sure: SearchEngine) -> None:
    for channel in (None, "caption"):
        for hit in sure.search("a dog on the beach", channel=channel):
            expected = 1 / (1 + math.exp(16 - 20 * hit.channels["caption"].score))
            assert hit.probability == pytest.approx(expected, abs=1e-5)
    assert {hit.probability for hit in sure.search("a dog", channel="image")} == {None}
    assert {hit.probability for hit in sure.search("-car")} == {None}
    assert {hit.probability for hit in sure.similar(sure.search("a dog")[0].image_id)} == {None}


def test_only_hits_that_are_likely_enough_come(sure: SearchEngine) -> None:
    every = sure.search("a dog on the beach")
    least = sorted(hit.probability for hit in every)[2]
    likely = sure.search("a dog on the beach", min_probability=least)
    expected = [hit.image_id for hit in every if hit.probability >= least]
    assert [hit.image_id for hit in likely] == expected
    assert len(expected) == 3
    for k in (1, 2):
        found = sure.search("a dog on the beach", k, "caption", min_probability=least)
        assert [hit.probability >= least for hit in found] == [True] * k
    assert sure.search("a dog on the beach", min_probability=1.0) == []
    assert sure.search("a dog on the beach", min_probability=np.float32(1)) == []
    leasts = [0.0, least, 1.0]
    together = sure.search_many(["a dog on the beach"] * 3, min_probability=leasts)
    assert together == [sure.search("a dog on the beach", min_probability=each) for each in leasts]


def test_a_few_hits_are_the_first_of_all(
    open_engine: Make, photo: Callable[..., Any], tmp_path: Path, word_encoder: Any
) -> None:
    """However far down the last one lies: copies and unlikely photos are passed over."""
    words = "dog cat log sea sand snow".split()
    texts = [f"a {words[n % 6]} {words[n % 5]} on {words[n % 4]}" for n in range(400)]
    random = np.random.default_rng(3)
    copies = circle(*random.choice(random.uniform(0, 3000, 60), 400))
    engine = open_engine([photo(f"{number}", text) for number, text in enumerate(texts)], copies)
    engine = calibrate(engine, tmp_path / "index", word_encoder, Logistic({Channel.CAPTION: 20.0}, -16.0))
    for least in (0.0, 0.2):
        plain = engine.search("a dog on snow", 400, fold=False, min_probability=least)
        folded = engine.search("a dog on snow", 400, min_probability=least)
        order = [hit.image_id for hit in plain]
        assert len(order) > len(folded) > 10
        for k in (1, 2, 9):
            assert engine.search("a dog on snow", k, fold=False, min_probability=least) == plain[:k]
            # Copies that come after the first photo that is one too many are not looked at.
            end = order.index(folded[k].image_id)
            expected = [
                replace(hit, duplicates=tuple(each for each in hit.duplicates if order.index(each) < end))
                for hit in folded[:k]
            ]
            assert engine.search("a dog on snow", k, min_probability=least) == expected


def test_the_likeliest_photo_need_not_be_among_the_best(
    open_engine: Make, photo: Callable[..., Any], tmp_path: Path, word_encoder: Any
) -> None:
    """It looks like anything but a dog; only its caption, which counts little, says that it is one."""
    vectors_ND = circle(*np.linspace(0, 180, 300))
    texts = [photo(f"{number}", "a cat") for number in range(300)]
    last = numbers(open_engine(texts, vectors_ND).search("dogs", 300, "image", fold=False))[-1]
    texts[last] = photo(f"{last}", "dogs")
    engine = open_engine(texts, vectors_ND)
    curve = Logistic({Channel.CAPTION: 20.0}, -8.0)
    sure = calibrate(engine, tmp_path / "index", word_encoder, curve)
    hits = sure.search("dogs", 3)
    assert last not in numbers(hits)
    assert max(hit.probability for hit in hits) < LIKELY
    assert hits.matches_well is True


@pytest.mark.parametrize("least", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(sure: SearchEngine, least: float) -> None:
    with pytest.raises(UsageError, match="expected a number from 0 to 1"):
        sure.search("a dog", min_probability=least)


def test_least_probabilities_of_other_queries_are_refused(sure: SearchEngine) -> None:
    for leasts in ([0.5], [0.5] * 3):
        with pytest.raises(UsageError, match=r"found . least probabilities for 2 queries"):
            sure.search_many(["a dog", "a car"], min_probability=leasts)


def test_a_probability_that_is_not_known_is_no_filter(
    sure: SearchEngine, open_engine: Make, rows: list[Any]
) -> None:
    with pytest.raises(UsageError, match=r"found no calibration for image, .*retrieve calibrate"):
        sure.search("a dog", channel="image", min_probability=0.5)
    with pytest.raises(UsageError, match=r"calibration for lexical, .*; leave out --channel or --min-prob"):
        sure.search("a dog", channel="lexical", min_probability=0.5)
    for query in ("-car", "path:photos", Query()):
        with pytest.raises(UsageError, match=r"query without words .* to be at least 50% sure of"):
            sure.search(query, min_probability=0.5)
    with pytest.raises(UsageError, match="found no calibration for the models of this index"):
        open_engine(rows).search("a dog", min_probability=0.5)


def test_it_is_said_when_nothing_matches_well(sure: SearchEngine, open_engine: Make, rows: list[Any]) -> None:
    good = sure.search("a dog on the beach")
    assert good.matches_well is True
    assert max(hit.probability for hit in good) > LIKELY
    assert sure.search("a ship in the harbour").matches_well is False
    # A word or two are no sentence to be sure of; that a caption has them all is enough.
    word = sure.search("sofa")
    assert max(hit.probability for hit in word) < LIKELY
    assert word.matches_well is True
    assert sure.search("a ship", min_probability=0.9).matches_well is False
    assert sure.search("-dog").matches_well is None
    assert open_engine(rows).search("a ship").matches_well is None


def test_photos_that_have_all_words_in_other_texts_than_their_caption_match_well(
    open_engine: Make, rows: list[Any], tmp_path: Path, word_encoder: Any
) -> None:
    said = StoredCaption("a sailor in the harbour", -3.0, Provenance.MODEL)
    rows[4] = replace(rows[4], tags=("espresso", "crash helmet"), captions=(*rows[4].captions, said))
    never = Logistic({Channel.CAPTION: 0.0, Channel.IMAGE: 0.0, Channel.LEXICAL: 0.0}, -9.0)
    sure = calibrate(open_engine(rows), tmp_path / "index", word_encoder, never)
    for query in ("espresso", '"crash helmet"', '"a sailor in the harbour"', "harbour sailors"):
        assert sure.search(query).matches_well is True, query
        assert sure.search(query, k=1, fold=False).matches_well is True, query
    for query in ("an espresso on the beach", "a crash of the sailor"):
        assert sure.search(query).matches_well is False, query


def test_reasons_name_the_other_texts_in_which_words_of_the_query_are(
    open_engine: Make, rows: list[Any]
) -> None:
    said = StoredCaption("a sailor in the harbour", -3.0, Provenance.MODEL)
    again = StoredCaption("a cat on a sofa", -4.0, Provenance.MODEL)
    caption = rows[4].captions[0].text
    alike = StoredCaption(f"{caption} once more", -5.0, Provenance.MODEL)
    others = (said, again, alike)
    rows[4] = replace(rows[4], tags=("tabby cat", "espresso"), captions=(*rows[4].captions, *others))
    engine = open_engine(rows)
    image_id = rows[4].image_id

    def also(query: str) -> tuple[str, ...]:
        return engine.explain(query, image_id).also

    assert also('"tabby"') == ("tabby cat",)
    assert also("sailors and espressos") == ("a sailor in the harbour", "espresso")
    assert also("the ship in a bottle") == also("-dog") == ()
    assert also(caption) == ()
    assert also(f"{caption} harbour") == (said.text,)
    assert engine.explain('"tabby"', image_id).to_dict()["also"] == ["tabby cat"]


def test_of_several_places_the_first_with_a_file_is_given(
    open_engine: Make, rows: list[Any], tmp_path: Path
) -> None:
    there = tmp_path / "there.jpg"
    there.touch()
    rows[0] = replace(rows[0], paths=(b"/gone.jpg", os.fsencode(there)))
    engine = open_engine(rows)
    results = engine.search("a dog on the beach", k=1)
    assert results[0].path == "/gone.jpg"
    assert results.files(results[0]) == (Path("/gone.jpg"), there)
    assert results.file(results[0]) == there


def test_results_can_be_pickled_and_keep_no_engine(open_engine: Make, rows: list[Any]) -> None:
    engine = open_engine(rows, circle(0, 90, 2, 180, 3))
    results = engine.search("a dog on the beach", channel="caption")
    photos = weakref.ref(engine._photos)
    del engine
    gc.collect()
    assert photos() is None
    again = pickle.loads(pickle.dumps(results))
    assert again == results
    assert vars(again).keys() == vars(results).keys()
    assert [again.file(hit).stem for hit in again] == ["0", "1", "3"]
    duplicates = [replace(again[0], image_id=image_id) for image_id in again[0].duplicates]
    assert [again.file(hit).stem for hit in duplicates] == ["2", "4"]
    with pytest.raises(UnknownPhotoError, match=r"found no photo '000.* among these hits"):
        again.files(replace(again[0], image_id="0" * 64))


def test_reasons_are_those_of_the_search(open_engine: Make, rows: list[Any], word_encoder: Any) -> None:
    engine = open_engine(rows)
    for query in ("a dog on the beach", 'a "dog" -car', "a dog path:photos"):
        for hit in engine.search(query, fold=False):
            explained = engine.explain(query, hit.image_id)
            assert explained.score == pytest.approx(hit.score, abs=1e-6)
            assert (explained.path, explained.caption) == (hit.path, hit.caption)
            assert (explained.width, explained.height) == (400, 300)
            assert list_matched(explained) == hit.matched
            for name, place in hit.channels.items():
                assert explained.channels[name].rank == place.rank
                assert explained.channels[name].score == pytest.approx(place.score, abs=1e-6)
            total = sum(place.contribution for place in explained.channels.values())
            assert total == pytest.approx(hit.score, abs=1e-5)


@pytest.mark.parametrize("channel", [None, "caption", "image"])
def test_reasons_of_one_channel_are_its_own(sure: SearchEngine, channel: str | None) -> None:
    for hit in sure.search("a dog on the beach", channel=channel, where="-car"):
        explained = sure.explain("a dog on the beach", hit.image_id, channel, where="-car")
        assert explained.score == pytest.approx(hit.score, abs=1e-6)
        assert explained.probability == pytest.approx(hit.probability, abs=1e-6)
        assert explained.channels.keys() >= hit.channels.keys()
        if channel is not None:
            assert list(explained.channels) == [channel]
    with pytest.raises(UsageError, match="no channel 'smell'"):
        sure.explain("a dog", hit.image_id, "smell")


def test_all_reasons_are_found_at_once(
    open_engine: Make, photo: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attention = StoredAttention(("a", "dog"), np.full((2, 1, 1), 255, dtype=np.uint8))
    rows = [photo(f"{number}", "a dog", attention=attention) for number in range(9)]
    rows += [photo(f"{number}", "a cat") for number in range(9, 12)]
    engine = open_engine(rows)
    hits = engine.search("a dog", k=12, fold=False)
    alone = [engine.explain("a dog", hit.image_id) for hit in hits]
    asked: list[object] = []
    encode, read = engine.text_encoder.encode, explanation.read_shard
    monkeypatch.setattr(engine.text_encoder, "encode", lambda texts: asked.append(texts) or encode(texts))
    monkeypatch.setattr(
        explanation,
        "read_shard",
        lambda index, shard, *columns: asked.append(shard) or read(index, shard, *columns),
    )
    together = engine.explain_many("a dog", [hit.image_id for hit in hits])
    shards = read_manifest(tmp_path / "index").shards
    assert asked == [*shards, ["a dog"]]
    for one, other in zip(together, alone, strict=True):
        assert one.to_dict() == other.to_dict()


def test_reasons_reach_further_down_than_a_search(open_engine: Make, photo: Callable[..., Any]) -> None:
    """The caption of the photo that looks best is the farthest of all, far beyond where a search looks."""
    vectors_ND = circle(*np.linspace(0, 90, 1300))
    dogs = [photo(f"{number}", "a dog") for number in range(1300)]
    (best,) = numbers(open_engine(dogs, vectors_ND).search("a dog", 1, "image"))
    engine = open_engine([*dogs[:best], photo(f"{best}", "a cat"), *dogs[best + 1 :]], vectors_ND)
    (hit,) = [hit for hit in engine.search("a dog", k=1000, fold=False) if numbers([hit]) == [best]]
    assert "caption" not in hit.channels
    explained = engine.explain("a dog", hit.image_id)
    assert explained.channels["caption"].rank == 1300
    assert explained.channels["caption"].score < 0.9
    assert explained.score == pytest.approx(hit.score, abs=1e-6)
    # A search for more photos looks at more, and this one's caption counts for what it is.
    deeper = engine.search("a dog", k=1300, fold=False)
    (hit,) = [hit for hit in deeper if numbers([hit]) == [best]]
    assert hit.score < explained.score - 0.01
    (explained,) = engine.explain_many("a dog", [hit.image_id], depth=deeper.depth)
    assert explained.score == pytest.approx(hit.score, abs=1e-6)


def test_reasons_without_words(open_engine: Make, rows: list[Any]) -> None:
    explained = open_engine(rows).explain("path:photos", rows[0].image_id)
    assert (explained.score, explained.channels, list_matched(explained)) == (0.0, {}, ())


def test_a_photo_that_the_query_leaves_out_has_no_reasons(open_engine: Make, rows: list[Any]) -> None:
    engine = open_engine(rows)
    with pytest.raises(UsageError, match="which this query leaves out"):
        engine.explain("beach -dog", rows[0].image_id)
    with pytest.raises(UsageError, match="which this query leaves out"):
        engine.explain("beach", rows[0].image_id, where="taken:2019")
    with pytest.raises(UnknownPhotoError, match="found no photo"):
        engine.explain("beach", "0" * 64)


def test_words_have_the_attention_that_is_stored(open_engine: Make, photo: Callable[..., Any]) -> None:
    weights_TRC = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3) * 10
    attention = StoredAttention(("two", "dogs", "play", "here"), weights_TRC)
    rows = [photo(f"{number}", "a cat") for number in range(4)]
    rows.append(photo("dogs", "two dogs play here", attention=attention))
    engine = open_engine(rows)
    explained = engine.explain("a dog playing", rows[-1].image_id)
    assert [(word.word, word.matched) for word in explained.words] == [
        ("two", False),
        ("dogs", True),
        ("play", True),
        ("here", False),
    ]
    for word, weights_RC in zip(explained.words, weights_TRC, strict=True):
        np.testing.assert_allclose(word.attention_RC, weights_RC / 255, atol=1e-6)
    words = explained.to_dict()["words"]
    assert words[1] == {
        "word": "dogs",
        "matched": True,
        "attention": (weights_TRC[1] / 255).round(3).tolist(),
    }
    assert [word.attention_RC for word in engine.explain("a cat", rows[0].image_id).words] == [None, None]


def test_photos_that_look_most_like_one(open_engine: Make, rows: list[Any]) -> None:
    engine = open_engine(rows, circle(0, 40, 100, 20, 70))
    hits = engine.similar(rows[0].image_id, k=3)
    assert numbers(hits) == [3, 1, 4]
    assert [hit.score for hit in hits] == pytest.approx(np.cos(np.deg2rad([20, 40, 70])).tolist(), abs=1e-6)
    assert hits[0].channels["image"].rank == 1
    assert (hits.photos, hits.allowed) == (5, 4)
    assert len(engine.similar(rows[0].image_id, k=10)) == 4
    assert numbers(engine.similar(rows[0].image_id, where="-dog")) == [3, 4]
    by_vector = engine.similar_to_vector(circle(22)[0], k=2)
    assert numbers(by_vector) == [3, 1]
    assert numbers(engine.similar_to_vector(circle(22)[0], where='"red car"')) == [3]


def test_copies_of_what_looks_alike_are_folded(open_engine: Make, rows: list[Any]) -> None:
    engine = open_engine(rows, circle(0, 1, 30, 31, 90))
    assert numbers(engine.similar(rows[0].image_id)) == [1, 2, 4]
    assert numbers(engine.similar(rows[0].image_id, fold=False)) == [1, 2, 3, 4]


def test_photos_without_an_image_vector_are_compared_by_caption(
    open_engine: Make, rows: list[Any], word_encoder: Any
) -> None:
    images = circle(0, 40, 100, 20, 70)
    images[0] = np.nan
    engine = open_engine(rows, images)
    hits = engine.similar(rows[0].image_id, k=1)
    assert numbers(hits) == [2]
    assert set(hits[0].channels) == {"caption"}
    vector_D = word_encoder.encode(["a red car"])[0]
    assert numbers(engine.similar_to_vector(vector_D, 1, "caption")) == [3]


def test_what_cannot_be_compared_is_refused(open_engine: Make, rows: list[Any]) -> None:
    engine = open_engine(rows)
    with pytest.raises(UnknownPhotoError, match="found no photo"):
        engine.similar("0" * 64)
    with pytest.raises(UsageError, match="found k = 0"):
        engine.similar(rows[0].image_id, k=0)
    expected = "no vectors of 'lexical' in this index, expected one of: caption, image; name one of them"
    with pytest.raises(UsageError, match=expected):
        engine.similar_to_vector(circle(0)[0], channel="lexical")
    with pytest.raises(RetrievalError, match=r"expected \(N, 48\); give such vectors"):
        engine.similar_to_vector(np.ones(3, np.float32))


def test_what_a_person_wrote_counts_as_what_the_photo_shows(
    open_engine: Make, photo: Callable[..., Any], word_encoder: Any
) -> None:
    words = "rex in biarritz"
    rows = [photo(f"{number}", "a dog", human=words if number == 3 else "") for number in range(6)]
    engine = open_engine(rows)
    hit = engine.search(words, k=1)[0]
    assert numbers([hit]) == [3]
    image = hit.channels["image"].score
    # Its image score is raised to the cosine of its caption, 1, less 0.3; a tenth of that cosine is added,
    # and what its words are worth.
    words_add = hit.channels["lexical"].contribution
    assert 0 < words_add <= 0.1
    assert hit.score == pytest.approx(0.7 + 0.1 + words_add, abs=1e-5)
    assert hit.channels["image"].contribution == pytest.approx(image, abs=1e-6)
    assert hit.channels["caption"].contribution == pytest.approx(0.8 - image, abs=1e-5)
    far = engine.search("a cat", k=6, fold=False)
    for hit in far:
        cosines = {name: place.score for name, place in hit.channels.items()}
        if numbers([hit]) == [3]:
            cosines["image"] = max(cosines["image"], cosines["caption"] - 0.3)
        added = hit.channels["lexical"].contribution if "lexical" in hit.channels else 0
        assert hit.score == pytest.approx(cosines["image"] + 0.1 * cosines["caption"] + added, abs=1e-5)
