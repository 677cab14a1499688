"""The best photos of all channels together, against sums that are written out and sorted as a whole."""

import numpy as np
import pytest

from retrieval.channel import Channel
from retrieval.channels.searcher import Queries
from retrieval.search.fusion import FusionConfig, FusionMethod
from retrieval.search.human_lift import MARGIN
from retrieval.search.ranker import Ranker

PHOTOS = 1500
DEPTH = 1000
QUERIES = Queries(("one", "two"), np.zeros((2, 4), dtype=np.float32))
CONFIG = FusionConfig(caption=0.5, image=1.0, lexical=0.25)


class Scored:
    """Answers with scores that it was given, NaN for photos that are no answer; many are equal."""

    def __init__(self, scores_QP: np.ndarray) -> None:
        self.scores_QP = scores_QP

    def search(
        self, queries: Queries, k: int, allowed_P: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        scores = np.full((len(queries.texts), k), -np.inf, dtype=np.float32)
        numbers = np.full((len(queries.texts), k), -1)
        for row, own in enumerate(self.scores_QP):
            found = self.order(own, allowed_P)[:k]
            scores[row, : len(found)], numbers[row, : len(found)] = own[found], found
        return scores, numbers

    def order(self, own: np.ndarray, allowed_P: np.ndarray | None) -> list[int]:
        able = ~np.isnan(own) if allowed_P is None else ~np.isnan(own) & allowed_P
        return sorted(np.flatnonzero(able).tolist(), key=lambda number: (-own[number], number))

    def count(
        self, own: np.ndarray, allowed_P: np.ndarray | None, depth: int, is_lexical: bool
    ) -> list[float]:
        """What each photo counts with: the lowest of the answer where it is not in it."""
        found = self.order(own, allowed_P)
        missing = own[found[:depth][-1]] if found and not (is_lexical and len(found) < depth) else 0.0
        counts = [float(missing)] * PHOTOS
        for number in found[:depth]:
            counts[number] = float(own[number])
        return counts


@pytest.fixture(scope="module")
def channels() -> dict[Channel, Scored]:
    random = np.random.default_rng(0)
    scores = {channel: (random.random((2, PHOTOS)) * 40).round() / 32 for channel in Channel}
    scores[Channel.LEXICAL][0, random.random(PHOTOS) < 0.6] = np.nan
    return {channel: Scored(each.astype(np.float32)) for channel, each in scores.items()}


def fuse_exactly(
    channels: dict[Channel, Scored], allowed_P: np.ndarray | None, human_P: np.ndarray, query: int, depth: int
) -> list[tuple[float, int]]:
    """(minus its score, its number) of every photo that is let through, the best first."""
    allowed = PHOTOS if allowed_P is None else int(allowed_P.sum())
    depth = min(depth, allowed)
    counts = {
        channel: each.count(each.scores_QP[query], allowed_P, depth, channel is Channel.LEXICAL)
        for channel, each in channels.items()
    }
    captions = channels[Channel.CAPTION]
    answered = set(captions.order(captions.scores_QP[query], allowed_P)[:depth])
    totals = []
    for number in range(PHOTOS):
        if allowed_P is not None and not allowed_P[number]:
            continue
        caption, image = counts[Channel.CAPTION][number], counts[Channel.IMAGE][number]
        if human_P[number] and number in answered:
            image = max(image, caption - MARGIN)
        words = counts[Channel.LEXICAL][number]
        totals.append((-(0.5 * caption + image + 0.25 * words), number))
    return sorted(totals)


@pytest.mark.parametrize("share", [None, 0.9, 0.01, 0.0])
@pytest.mark.parametrize("people", [0.0, 0.3])
@pytest.mark.parametrize("k", [1, 92, 700, 1300])
def test_the_best_are_those_of_all_sums_sorted(
    channels: dict[Channel, Scored], share: float | None, people: float, k: int
) -> None:
    random = np.random.default_rng(1)
    allowed_P = None if share is None else random.random(PHOTOS) < share
    human_P = random.random(PHOTOS) < people
    ranker = Ranker(channels, CONFIG, human_P)
    ranked = ranker.rank(QUERIES, k, allowed_P=allowed_P)
    for query in range(2):
        expected = fuse_exactly(channels, allowed_P, human_P, query, max(k, DEPTH))
        one = ranked.only(query)
        np.testing.assert_allclose(
            one.scores_QK[0], [-score for score, _ in expected[:k]], rtol=1e-6, atol=1e-6
        )
        if not people:
            # Those of the margin are no sums of halves, which are exact.
            assert one.numbers_QK[0].tolist() == [number for _, number in expected[:k]]
            whole = one.deepen(PHOTOS)
            assert whole.numbers_QK[0].tolist() == [number for _, number in expected]


class Overlooking(Scored):
    """Does not look at every third photo unless it is asked for all, as an index by lists."""

    def order(self, own: np.ndarray, allowed_P: np.ndarray | None) -> list[int]:
        found = super().order(own, allowed_P)
        return found if self.looks_at_all else [number for number in found if number % 3]

    def search(
        self, queries: Queries, k: int, allowed_P: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        self.looks_at_all = k == PHOTOS
        return super().search(queries, k, allowed_P)


@pytest.mark.parametrize("channel", [None, Channel.IMAGE])
def test_places_and_scores_everywhere_are_those_of_the_answer(
    channels: dict[Channel, Scored], channel: Channel | None
) -> None:
    one = Queries(QUERIES.texts[:1], QUERIES.vectors_QD[:1])
    overlooking = {name: Overlooking(each.scores_QP[:1]) for name, each in channels.items()}
    ranker = Ranker(overlooking, CONFIG, np.zeros(PHOTOS, dtype=bool))
    ranked = ranker.rank(one, 50, channel)
    whole = ranker.rank_everywhere(one, 50, np.arange(PHOTOS), channel)
    numbers_K = ranked.numbers_QK[0]
    places = whole.find_places(numbers_K)
    for number, hits in ranked.find_places(numbers_K).items():
        assert {name: places[number][name] for name in hits} == hits
    scores = dict(zip(whole.numbers_QK[0].tolist(), whole.scores_QK[0].tolist(), strict=True))
    assert [scores[number] for number in numbers_K.tolist()] == ranked.scores_QK[0].tolist()
    for name, (_, numbers_QN) in whole.answers.items():
        assert sorted(numbers_QN[0, numbers_QN[0] >= 0]) == sorted(
            channels[name].order(channels[name].scores_QP[0], None)
        )


class Asked(Scored):
    """Notes for how many photos it is asked."""

    def __init__(self, scores_QP: np.ndarray) -> None:
        super().__init__(scores_QP)
        self.depths: list[int] = []

    def search(
        self, queries: Queries, k: int, allowed_P: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        self.depths.append(k)
        return super().search(queries, k, allowed_P)


def test_only_a_channel_that_leaves_one_of_the_photos_out_is_asked_for_all(
    channels: dict[Channel, Scored],
) -> None:
    one = Queries(QUERIES.texts[:1], QUERIES.vectors_QD[:1])
    noting = {name: Asked(each.scores_QP[:1]) for name, each in channels.items()}
    ranker = Ranker(noting, CONFIG, np.zeros(PHOTOS, dtype=bool))
    answered = {name: set(each.order(each.scores_QP[0], None)[:DEPTH]) for name, each in channels.items()}
    left_out = answered[Channel.IMAGE] & answered[Channel.LEXICAL] - answered[Channel.CAPTION]
    numbers_N = np.array([min(set.intersection(*answered.values())), min(left_out)])
    some = ranker.rank_everywhere(one, 50, numbers_N)
    depths = {name: each.depths for name, each in noting.items()}
    assert depths == {
        Channel.CAPTION: [DEPTH, PHOTOS],
        Channel.IMAGE: [DEPTH],
        Channel.LEXICAL: [DEPTH],
    }
    whole = ranker.rank_everywhere(one, 50, np.arange(PHOTOS))
    assert some.find_places(numbers_N) == whole.find_places(numbers_N)
    assert np.array_equal(some.scores_QK, whole.scores_QK)
    assert np.array_equal(some.numbers_QK, whole.numbers_QK)


@pytest.mark.parametrize("channel", list(Channel))
def test_a_channel_alone_ranks_every_photo_for_who_looks_again(
    channels: dict[Channel, Scored], channel: Channel
) -> None:
    one = Queries(QUERIES.texts[:1], QUERIES.vectors_QD[:1])
    ranker = Ranker({channel: Scored(channels[channel].scores_QP[:1])}, CONFIG, np.zeros(PHOTOS, dtype=bool))
    own = channels[channel].order(channels[channel].scores_QP[0], None)
    ranked = ranker.rank_everywhere(one, 1, np.array(own[:1]))
    assert ranked.numbers_QK[0, : len(own)].tolist() == own


def test_of_what_people_wrote_only_what_answers_lifts_its_photo() -> None:
    """Where more captions come near than are asked for, of the others no more than a bound is known."""
    captions, images = np.full((1, PHOTOS), 0.9, np.float32), np.full((1, PHOTOS), 0.1, np.float32)
    images[0, :10] = 0.45
    captions[0, -20:], images[0, -20:] = 0.05, 0.02
    captions[0, -1] = 0.95
    channels = {Channel.CAPTION: Scored(captions), Channel.IMAGE: Scored(images)}
    ranker = Ranker(channels, CONFIG, np.arange(PHOTOS) >= PHOTOS - 20)
    one = Queries(QUERIES.texts[:1], QUERIES.vectors_QD[:1])
    assert ranker.rank(one, 11).numbers_QK[0].tolist() == [PHOTOS - 1, *range(10)]


def test_of_reciprocal_ranks_what_people_wrote_counts_by_its_place(channels: dict[Channel, Scored]) -> None:
    config = FusionConfig(method=FusionMethod.RECIPROCAL_RANK, caption=1.0, image=3.0, lexical=1.0)
    everyone, nobody = (
        Ranker(channels, config, np.full(PHOTOS, written)).rank(QUERIES, PHOTOS) for written in (True, False)
    )
    assert np.array_equal(everyone.scores_QK, nobody.scores_QK)
    assert np.array_equal(everyone.numbers_QK, nobody.numbers_QK)


def test_an_answer_is_the_beginning_of_a_deeper_one(channels: dict[Channel, Scored]) -> None:
    ranker = Ranker(channels, CONFIG, np.random.default_rng(2).random(PHOTOS) < 0.3)
    few, many = ranker.rank(QUERIES, 5), ranker.rank(QUERIES, 900)
    assert np.array_equal(few.numbers_QK, many.numbers_QK[:, :5])
    assert np.array_equal(few.scores_QK, many.scores_QK[:, :5])
    deeper = few.only(1).deepen(900)
    assert np.array_equal(deeper.numbers_QK, many.numbers_QK[1:])
    assert np.array_equal(deeper.scores_QK, many.scores_QK[1:])


@pytest.mark.parametrize("channel", list(Channel))
def test_places_and_scores_are_those_of_the_channel(
    channels: dict[Channel, Scored], channel: Channel
) -> None:
    ranked = Ranker(channels, CONFIG, np.zeros(PHOTOS, dtype=bool)).rank(QUERIES, 20)
    own = channels[channel].scores_QP[0]
    order = channels[channel].order(own, None)
    lowest = float(own[order[DEPTH - 1]]) if len(order) >= DEPTH else 0.0
    photos = np.array([order[0], order[17], order[-1], 3])
    places = ranked.find_places(photos)
    for number, score in zip(photos.tolist(), ranked.scores_of(photos)[channel].tolist(), strict=True):
        place = order.index(number) if number in order else DEPTH
        assert (str(channel) in places[number]) == (place < DEPTH)
        assert score == (float(own[number]) if place < DEPTH else lowest)
        if place < DEPTH:
            hit = places[number][str(channel)]
            assert (hit.rank, hit.score) == (place + 1, float(own[number]))
            assert hit.contribution == pytest.approx(CONFIG.weight(channel) * hit.score)
