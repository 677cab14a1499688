"""The first photos ranked again: their order, their scores, what is said of them, and what stays as it is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval import RerankConfig, Reranker, SearchEngine, load_reranker
from retrieval.errors import InstallationError, UsageError
from retrieval.search.reranking import IndexedPhoto

CAPTIONS = ["a dog on the beach", "a dog at the sea", "a dog on sand", "a red car", "a cat on a sofa"]
QUERY = "a dog on the beach"
WEIGHT = 0.5

Make = Callable[..., SearchEngine]


class TableOfLikelihoods:
    """Nats by the name of a photo's file; a photo that is not in the table cannot be read."""

    def __init__(self, nats: dict[int, float] | None) -> None:
        self.nats = nats
        self.asked: list[tuple[str, list[int]]] = []

    def measure(self, sentence: str, photos: Sequence[IndexedPhoto]) -> np.ndarray | None:
        names = [int(photo.paths[0].stem) for photo in photos]
        self.asked.append((sentence, names))
        return None if self.nats is None else np.array([self.nats.get(name, np.nan) for name in names])


def make_reranker(nats: dict[int, float] | None, first: int = 100) -> Reranker:
    return Reranker(TableOfLikelihoods(nats), RerankConfig(first=first, weight=WEIGHT))


def numbers(hits: Any) -> list[int]:
    return [int(Path(hit.path).stem) for hit in hits]


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
        assert place.score == nats[number]
        assert place.rank == 1 + sum(other > nats[number] for other in nats.values())
        assert place.contribution == pytest.approx(WEIGHT * (nats[number] + 40))
        assert sum(each.contribution for each in hit.channels.values()) == pytest.approx(hit.score, abs=1e-5)
    assert all("rerank" not in hit.channels for hit in found)


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


@pytest.mark.parametrize("nats", [None, {}])
def test_without_likelihoods_the_answer_is_the_fused_one(
    engine: SearchEngine, nats: dict[int, float] | None
) -> None:
    assert engine.search(QUERY, reranker=make_reranker(nats)) == engine.search(QUERY)


def test_only_what_is_let_through_is_ranked_again(engine: SearchEngine) -> None:
    likelihoods = TableOfLikelihoods({number: float(number) for number in range(5)})
    reranker = Reranker(likelihoods, RerankConfig(weight=WEIGHT))
    assert numbers(engine.search('"a dog" -sea', reranker=reranker)) == [2, 0]
    assert likelihoods.asked == [("a dog", [0, 2])] or likelihoods.asked == [("a dog", [2, 0])]
    assert numbers(engine.search("dog path:nowhere", reranker=reranker)) == []
    newest = engine.search("-car", reranker=reranker)
    assert newest == engine.search("-car")
    assert len(likelihoods.asked) == 1


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
    with pytest.raises(InstallationError, match=r"expected the indexer; install retrieve again"):
        load_reranker()
