"""The first photos ranked again: their order, their scores, what is said of them, and what stays as it is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval import RerankConfig, Reranker, SearchEngine, load_reranker
from retrieval.channels.searcher import Searcher
from retrieval.errors import InstallationError, UsageError
from retrieval.search.fusion import FusionConfig, FusionMethod
from retrieval.search.human_lift import MARGIN
from retrieval.search.reranking import IndexedPhoto, Seen
from retrieval.store.manifest import HeadRecord, read_manifest
from retrieval.text.queries import Queries
from retrieval.text.text_head import read_text_head
from tests.hit_numbers import numbers

CAPTIONS = ["a dog on the beach", "a dog at the sea", "a dog on sand", "a red car", "a cat on a sofa"]
QUERY = "a dog on the beach"
WEIGHT = 0.5
OTHER_HEAD = "0" * 64

Make = Callable[..., SearchEngine]


class TableOfSights:
    """Nats and vectors by the name of a photo's file; a photo that is not in the table cannot be read."""

    def __init__(
        self,
        nats: dict[int, float] | None,
        vectors_NE: np.ndarray | None = None,
        image_head_sha256: str | None = None,
    ) -> None:
        self.nats = nats
        self.vectors_NE = vectors_NE
        self.image_head_sha256 = image_head_sha256
        self.asked: list[tuple[str, list[int]]] = []

    def look(self, sentence: str, photos: Sequence[IndexedPhoto], vectors: bool) -> Seen | None:
        assert vectors is (self.vectors_NE is not None and self.image_head_sha256 != OTHER_HEAD)
        names = [int(photo.paths[0].stem) for photo in photos]
        self.asked.append((sentence, names))
        if self.nats is None:
            return None
        vectors_NE = None if self.vectors_NE is None else self.vectors_NE[names]
        return Seen(np.array([self.nats.get(name, np.nan) for name in names]), vectors_NE)


def make_reranker(nats: dict[int, float] | None, first: int = 100) -> Reranker:
    return Reranker(TableOfSights(nats), RerankConfig(first=first, weight=WEIGHT))


@pytest.fixture
def engine(open_engine: Make, photo: Callable[..., Any]) -> SearchEngine:
    return open_engine([photo(f"{number}", text) for number, text in enumerate(CAPTIONS)])


def test_likelihoods_count_beside_the_fused_scores(engine: SearchEngine) -> None:
    nats = {0: -30.0, 1: -24.0, 2: -29.5, 3: -21.0, 4: -40.0}
    found = engine.search(QUERY)
    fused = zip(numbers(found), found, strict=True)
    expected = {number: hit.score + WEIGHT * (nats[number] + 40) for number, hit in fused}
    again = engine.search(QUERY, reranker=make_reranker(nats))
    assert numbers(again) == sorted(expected, key=expected.__getitem__, reverse=True) != numbers(found)
    assert [hit.score for hit in again] == pytest.approx(
        [expected[each] for each in numbers(again)], abs=1e-5
    )
    for hit in again:
        number = numbers([hit])[0]
        place = hit.channels["rerank"]
        assert place.score == pytest.approx(WEIGHT * nats[number])
        assert place.rank == 1 + sum(other > nats[number] for other in nats.values())
        assert place.contribution == pytest.approx(WEIGHT * (nats[number] + 40))
        assert sum(each.contribution for each in hit.channels.values()) == pytest.approx(hit.score, abs=1e-5)
    assert all("rerank" not in hit.channels for hit in found)


@pytest.fixture
def head(engine: SearchEngine, tmp_path: Path) -> HeadRecord:
    """That of the engine's index."""
    record = read_manifest(tmp_path / "index").image_head
    assert isinstance(record, HeadRecord)
    return record


def test_image_scores_become_the_mean_of_both_looks(
    engine: SearchEngine, head: HeadRecord, tmp_path: Path
) -> None:
    queries = Queries((QUERY,), engine.text_encoder.encode([QUERY]))
    (query_E,) = read_text_head(tmp_path / "index", head).encode_queries(queries)
    vectors_NE = np.random.default_rng(2).standard_normal((5, len(query_E))).astype(np.float32)
    nats = {0: -4.0, 1: -3.0, 2: -6.0, 3: -5.0}
    before = {int(Path(hit.path).stem): hit for hit in engine.search(QUERY)}
    gains = {
        number: WEIGHT * nats[number]
        + (float(vectors_NE[number] @ query_E) - before[number].channels["image"].score) / 2
        for number in nats
    }
    gains = {number: gain - min(gains.values()) for number, gain in gains.items()}
    expected = {number: before[number].score + gain for number, gain in gains.items()}
    expected[4] = before[4].score + sum(gains.values()) / 4
    sights = TableOfSights(nats, vectors_NE, head.sha256)
    again = engine.search(QUERY, reranker=Reranker(sights, RerankConfig(weight=WEIGHT)))
    assert numbers(again) == sorted(expected, key=expected.__getitem__, reverse=True)
    assert [hit.score for hit in again] == pytest.approx(
        [expected[each] for each in numbers(again)], abs=1e-5
    )
    places = {
        number: hit.channels["rerank"]
        for number, hit in zip(numbers(again), again, strict=True)
        if number != 4
    }
    said = {number: WEIGHT * nats[number] + float(vectors_NE[number] @ query_E) / 2 for number in nats}
    assert sorted(places, key=lambda number: places[number].rank) == sorted(
        said, key=said.__getitem__, reverse=True
    )
    for number, place in places.items():
        assert (place.score, place.contribution) == pytest.approx((said[number], gains[number]), abs=1e-5)


def test_the_vectors_of_another_head_do_not_count(engine: SearchEngine, head: HeadRecord) -> None:
    nats = {number: -float(number) for number in range(5)}
    vectors_NE = np.ones((5, head.dimension), dtype=np.float32)
    alone = engine.search(QUERY, reranker=make_reranker(nats))
    sights = TableOfSights(nats, vectors_NE, OTHER_HEAD)
    assert engine.search(QUERY, reranker=Reranker(sights, RerankConfig(weight=WEIGHT))) == alone
    own = TableOfSights(nats, np.eye(5, head.dimension, dtype=np.float32), head.sha256)
    assert engine.search(QUERY, reranker=Reranker(own, RerankConfig(weight=WEIGHT))) != alone


class Behind:
    """A `Searcher` in front of another one."""

    def __init__(self, searcher: Searcher) -> None:
        self.search = searcher.search


def test_the_image_score_counts_however_the_channels_are_asked(
    engine: SearchEngine, head: HeadRecord
) -> None:
    vectors_NE = -np.eye(5, head.dimension, dtype=np.float32)
    sights = TableOfSights(dict.fromkeys(range(5), -1.0), vectors_NE, head.sha256)
    reranker = Reranker(sights, RerankConfig(weight=WEIGHT))
    expected = engine.rank([QUERY], reranker=reranker)
    wrapped = engine.with_searchers(Behind).rank([QUERY], reranker=reranker)
    np.testing.assert_array_equal(wrapped.photos_QK, expected.photos_QK)
    np.testing.assert_array_equal(wrapped.scores_QK, expected.scores_QK)
    assert (engine.rank([QUERY]).scores_QK != expected.scores_QK).any()


def test_of_reciprocal_ranks_the_likelihood_alone_is_added(engine: SearchEngine, head: HeadRecord) -> None:
    engine = engine.with_fusion(FusionConfig(method=FusionMethod.RECIPROCAL_RANK))
    nats = {number: -float(number) for number in range(5)}
    alone = engine.search(QUERY, reranker=make_reranker(nats))
    unasked = TableOfSights(nats, None, head.sha256)
    assert engine.search(QUERY, reranker=Reranker(unasked, RerankConfig(weight=WEIGHT))) == alone


def test_what_a_person_wrote_is_the_least_that_the_image_scores(
    open_engine: Make, photo: Callable[..., Any], tmp_path: Path
) -> None:
    rows = [photo(str(number), text, human=QUERY) for number, text in enumerate(CAPTIONS[:3])]
    engine = open_engine([*rows, *(photo(str(number), CAPTIONS[number]) for number in (3, 4))])
    record = read_manifest(tmp_path / "index").image_head
    assert isinstance(record, HeadRecord)
    queries = Queries((QUERY,), engine.text_encoder.encode([QUERY]))
    (query_E,) = read_text_head(tmp_path / "index", record).encode_queries(queries)
    before = {int(Path(hit.path).stem): hit.channels for hit in engine.search(QUERY, fold=False)}
    near = {0: 0.0, 1: 1.0, 2: 3.0, 3: 0.0, 4: 1.0}
    vectors_NE = np.array([near[number] * query_E for number in range(5)])
    sights = TableOfSights(dict.fromkeys(range(5), -1.0), vectors_NE, record.sha256)
    again = engine.search(QUERY, fold=False, reranker=Reranker(sights, RerankConfig(weight=WEIGHT)))
    gains = {}
    for number, channels in before.items():
        mean = (channels["image"].score + near[number]) / 2
        least = channels["caption"].score - MARGIN if number < 3 else -1
        gains[number] = max(mean, least) - max(channels["image"].score, least)
    assert gains[0] == gains[1] == 0 < gains[2]
    for hit in again:
        number = int(Path(hit.path).stem)
        expected = gains[number] - min(gains.values())
        assert hit.channels["rerank"].contribution == pytest.approx(expected, abs=1e-5)


def test_below_the_first_all_stays_as_it_was(engine: SearchEngine) -> None:
    fused = engine.search(QUERY)
    last = numbers(fused)[:3][-1]
    again = engine.search(QUERY, reranker=make_reranker({each: -9.0 for each in range(5)} | {last: -1.0}, 3))
    assert numbers(again) == [last, *numbers(fused)[:2], *numbers(fused)[3:]]
    assert [hit.score for hit in again[3:]] == [hit.score for hit in fused[3:]]
    assert all("rerank" not in hit.channels for hit in again[3:])
    scores = [hit.score for hit in again]
    assert scores == sorted(scores, reverse=True)


def test_a_photo_that_cannot_be_read_gains_what_the_first_gain_on_average(engine: SearchEngine) -> None:
    fused = engine.search(QUERY)
    gone = numbers(fused)[1]
    nats = {number: -20.0 for number in numbers(fused)} | {numbers(fused)[0]: -10.0}
    del nats[gone]
    again = engine.search(QUERY, reranker=make_reranker(nats))
    hit = next(hit for hit in again if numbers([hit]) == [gone])
    assert hit.score == pytest.approx(fused[1].score + WEIGHT * 2.5, abs=1e-5)
    assert "rerank" not in hit.channels
    for each in again:
        explained = engine.explain(QUERY, each.image_id, reranker=make_reranker(nats))
        assert explained.unseen == (pytest.approx(WEIGHT * 2.5) if each == hit else None)
        parts = [place.contribution for place in explained.channels.values()]
        assert sum(parts) + (explained.unseen or 0) == pytest.approx(each.score, abs=1e-5)


@pytest.mark.parametrize("nats", [None, {}])
def test_where_nothing_is_seen_the_answer_is_the_fused_one(
    engine: SearchEngine, nats: dict[int, float] | None
) -> None:
    assert engine.search(QUERY, reranker=make_reranker(nats)) == engine.search(QUERY)


def test_only_what_is_let_through_is_ranked_again(engine: SearchEngine) -> None:
    sights = TableOfSights({number: float(number) for number in range(5)})
    reranker = Reranker(sights, RerankConfig(weight=WEIGHT))
    assert numbers(engine.search('"a dog" -sea', reranker=reranker)) == [2, 0]
    assert sights.asked == [("a dog", [0, 2])] or sights.asked == [("a dog", [2, 0])]
    assert numbers(engine.search("dog path:nowhere", reranker=reranker)) == []
    newest = engine.search("-car", reranker=reranker)
    assert newest == engine.search("-car")
    assert len(sights.asked) == 1


def test_reasons_are_those_of_the_search(engine: SearchEngine) -> None:
    reranker = make_reranker({0: -30.0, 1: -24.0, 3: -21.0, 4: -40.0}, first=4)
    for hit in engine.search(QUERY, fold=False, reranker=reranker):
        explained = engine.explain(QUERY, hit.image_id, reranker=reranker)
        assert explained.score == hit.score
        assert explained.channels == hit.channels


def test_the_first_are_ranked_again_however_few_are_asked_for(
    open_engine: Make, photo: Callable[..., Any]
) -> None:
    rows = [photo(f"{number}", text) for number, text in enumerate(CAPTIONS)]
    every = {number: float(number) for number in range(5)}
    for images in (None, np.full((5, 8), np.nan, dtype=np.float32)):
        engine = open_engine(rows, images)
        assert numbers(engine.search(QUERY, 1, fold=False, reranker=make_reranker(every))) == [4]
        ranking = engine.rank([QUERY, "a red car"], 2, reranker=make_reranker(every))
        best = [[ranking.image_ids[number] for number in row] for row in ranking.photos_QK]
        for row, query in zip(best, (QUERY, "a red car"), strict=True):
            hits = engine.search(query, 2, fold=False, reranker=make_reranker(every))
            assert row == [hit.image_id for hit in hits]


def test_one_channel_alone_is_not_ranked_again(engine: SearchEngine) -> None:
    with pytest.raises(UsageError, match=r"found the channel 'image' .* leave out either"):
        engine.search(QUERY, channel="image", reranker=make_reranker({}))


def test_without_the_package_above_there_is_no_reranker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.search.reranking.entry_points", lambda **_: ())
    with pytest.raises(InstallationError, match=r"expected the indexer; install this project again"):
        load_reranker()
