"""Queries → ranked photos: each channel's answer, and all of them fused. Reads and writes nothing.

Shapes: Q queries, K photos of an answer, P photos of the index.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from retrieval.channel import Channel
from retrieval.channels.searcher import Searcher
from retrieval.errors import UsageError
from retrieval.search.fusion import (
    Answer,
    FusionConfig,
    FusionMethod,
    rank_scores,
    scatter_answer,
    weigh_answers,
)
from retrieval.search.hit import ChannelHit
from retrieval.search.human_lift import lift_images
from retrieval.text.queries import Queries

CANDIDATES = 1000
"""Photos that each channel is asked for when the answers are fused, at least."""

RERANK = "rerank"
"""What a hit calls its place among the photos that were ranked again, beside its channels."""


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """What all channels together say of every photo: float32 (Q, P), all of it.

    `scores_QP` is the sum of what each channel added, -inf for a photo that is not `allowed`, of which the
    number is given. `lift_QP` is by how much people's words raise image scores (see `human_lift`).
    """

    scores_QP: np.ndarray
    added: Mapping[Channel, np.ndarray]
    lift_QP: np.ndarray | None
    allowed: int

    @property
    def numbers(self) -> np.ndarray | slice:
        """int64: the allowed photos, of the first query; or all."""
        if self.allowed == self.scores_QP.shape[1]:
            return slice(None)
        return np.flatnonzero(self.scores_QP[0] > -np.inf)

    def only(self, row: slice) -> "Fused":
        """That of some of the queries."""
        added = {name: added_QP[row] for name, added_QP in self.added.items()}
        lift_QP = None if self.lift_QP is None else self.lift_QP[row]
        return Fused(self.scores_QP[row], added, lift_QP, self.allowed)


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Scores float32 (Q, K) and photos' numbers int64 (Q, K), best first; -inf and -1 beyond the last.

    `answers` are such scores and numbers of each channel, `by_photo` the scores by photo (Q, P) (see
    `fusion.scatter_answer`). `fused` is None where one channel was asked alone. `reranked` is, of one query,
    the place of each photo that was ranked again (see `reranking`), `unseen` what each of those gained that
    could not be read.
    """

    scores_QK: np.ndarray
    numbers_QK: np.ndarray
    answers: Mapping[Channel, Answer] = field(default_factory=dict)
    by_photo: Mapping[Channel, np.ndarray] = field(default_factory=dict)
    fused: Fused | None = None
    reranked: Mapping[int, ChannelHit] = field(default_factory=dict)
    unseen: Mapping[int, float] = field(default_factory=dict)

    def only(self, query: int) -> "Ranked":
        """The answer to one of the queries."""
        row = slice(query, query + 1)
        answers = {name: (scores[row], numbers[row]) for name, (scores, numbers) in self.answers.items()}
        by_photo = {name: scores_QP[row] for name, scores_QP in self.by_photo.items()}
        fused = self.fused and self.fused.only(row)
        return replace(
            self,
            scores_QK=self.scores_QK[row],
            numbers_QK=self.numbers_QK[row],
            answers=answers,
            by_photo=by_photo,
            fused=fused,
        )

    def deepen(self, k: int) -> "Ranked":
        """The same with the k best photos, as far as there are so many; that of one channel as it is."""
        if self.fused is None:
            return self
        scores_QK, numbers_QK = rank_scores(self.fused.scores_QP, min(k, self.fused.allowed))
        return replace(self, scores_QK=scores_QK, numbers_QK=numbers_QK)

    def scores_of(self, numbers_K: np.ndarray | slice) -> dict[Channel, np.ndarray]:
        """By channel, what these photos scored for the first query, float64 (K,).

        The image scores are as people's words raise them.
        """
        found = {
            name: scores_QP[0, numbers_K].astype(np.float64) for name, scores_QP in self.by_photo.items()
        }
        if self.fused is not None and self.fused.lift_QP is not None:
            found[Channel.IMAGE] += self.fused.lift_QP[0, numbers_K]
        return found

    def find_places(self, numbers: np.ndarray) -> dict[int, dict[str, ChannelHit]]:
        """By photo, its places in the channels that ranked it for the first query, and when ranked again."""
        places: dict[int, dict[str, ChannelHit]] = {number: {} for number in numbers.tolist()}
        for channel, (scores_QN, numbers_QN) in self.answers.items():
            added_QP = self.by_photo[channel] if self.fused is None else self.fused.added[channel]
            # One more than there are photos: the last takes the places that no photo fills.
            place_P = np.full(added_QP.shape[1] + 1, -1)
            place_P[numbers_QN[0]] = np.arange(numbers_QN.shape[1])
            place_N = place_P[numbers]
            columns = (numbers, place_N, scores_QN[0, place_N], added_QP[0, numbers])
            for number, place, score, added in zip(*(column.tolist() for column in columns), strict=True):
                if place >= 0:
                    places[number][str(channel)] = ChannelHit(place + 1, score, added)
        for number in places.keys() & self.reranked.keys():
            places[number][RERANK] = self.reranked[number]
        return places


class Ranker:
    """The channels of an index, and their fusion."""

    def __init__(
        self, channels: Mapping[Channel, Searcher], fusion: FusionConfig, human_P: np.ndarray
    ) -> None:
        """The channels answer with photos' numbers; `human_P` bool: those that a person's caption lifts."""
        self.channels = dict(channels)
        self.fusion = fusion
        self._human_P = human_P
        self._photos = len(human_P)

    def with_fusion(self, fusion: FusionConfig) -> "Ranker":
        """The same channels, fused in another way."""
        return Ranker(self.channels, fusion, self._human_P)

    def with_searchers(self, wrap: Callable[[Searcher], Searcher]) -> "Ranker":
        """The same fusion of channels that are asked through what `wrap` makes of each."""
        channels = {name: wrap(searcher) for name, searcher in self.channels.items()}
        return Ranker(channels, self.fusion, self._human_P)

    def rank(
        self, queries: Queries, k: int, channel: str | None = None, allowed_P: np.ndarray | None = None
    ) -> Ranked:
        """The k best photos of those that `allowed_P` lets through; None lets all.

        Without a `channel` the answers of all are fused.

        Raises:
            UsageError: a channel that the index lacks.
        """
        answers = self._ask(queries, self._find_depth(k, channel, allowed_P), channel, allowed_P)
        return self._fuse(answers, k, allowed_P)

    def rank_everywhere(
        self,
        queries: Queries,
        k: int,
        numbers_N: np.ndarray,
        channel: str | None = None,
        allowed_P: np.ndarray | None = None,
    ) -> Ranked:
        """What `rank` gives for one query, all photos that are let through.

        Each channel's answer is followed by all its other photos; where several channels are fused, only if
        the answer lacks one of `numbers_N`.
        """
        answers = self._ask(queries, self._find_depth(k, channel, allowed_P), channel, allowed_P)
        whole = dict(answers)
        for name, answer in answers.items():
            if len(answers) == 1 or not np.isin(numbers_N, answer[1]).all():
                everywhere = self.channels[name].search(queries, self._photos, allowed_P)
                whole[name] = _go_on(answer, everywhere)
        if len(whole) == 1:
            return self._fuse(whole, self._photos, allowed_P)
        return replace(self._fuse(answers, self._photos, allowed_P), answers=whole)

    def _ask(
        self, queries: Queries, depth: int, channel: str | None, allowed_P: np.ndarray | None
    ) -> dict[Channel, Answer]:
        return {
            name: searcher.search(queries, depth, allowed_P) for name, searcher in self.pick(channel).items()
        }

    def _find_depth(self, k: int, channel: str | None, allowed_P: np.ndarray | None) -> int:
        """How many photos each channel is asked for."""
        wanted = k if len(self.pick(channel)) == 1 else max(k, CANDIDATES)
        return max(min(wanted, self.count_allowed(allowed_P)), 1)

    def count_allowed(self, allowed_P: np.ndarray | None) -> int:
        """How many photos `allowed_P` lets through; None lets all."""
        return self._photos if allowed_P is None else int(np.count_nonzero(allowed_P))

    def _fuse(self, answers: Mapping[Channel, Answer], k: int, allowed_P: np.ndarray | None) -> Ranked:
        allowed = self.count_allowed(allowed_P)
        by_photo = {name: scatter_answer(name, answer, self._photos) for name, answer in answers.items()}
        if len(answers) == 1:
            ((scores_QK, numbers_QK),) = answers.values()
            return Ranked(scores_QK[:, :allowed], numbers_QK[:, :allowed], answers, by_photo)
        added = weigh_answers(answers, by_photo, self.fusion)
        lift_QP = lift_images(answers, by_photo.get(Channel.IMAGE), self._human_P)
        # Reciprocal ranks are small beside a cosine: any photo that is lifted would come before all others.
        if lift_QP is not None and self.fusion.method is FusionMethod.WEIGHTED:
            added[Channel.CAPTION] += np.float32(self.fusion.weight(Channel.IMAGE)) * lift_QP
        fused_QP = reduce(np.add, added.values())
        if allowed_P is not None:
            fused_QP[:, ~allowed_P] = -np.inf
        best = rank_scores(fused_QP, min(k, allowed))
        return Ranked(*best, answers, by_photo, Fused(fused_QP, added, lift_QP, allowed))

    def pick(self, channel: str | None) -> dict[Channel, Searcher]:
        """The channels that answer where `channel` is asked for; all for None.

        Raises:
            UsageError: a channel that the index lacks.
        """
        if channel is None:
            return self.channels
        if channel not in self.channels:
            raise UsageError(
                f"found no channel {channel!r} in this index, expected one of: {', '.join(self.channels)}; "
                "name one of them"
            )
        return {Channel(channel): self.channels[Channel(channel)]}


def _go_on(answer: Answer, everywhere: Answer) -> Answer:
    """An answer to one query, and behind it what `everywhere` has beside: an index may not look at all."""
    found_K = answer[1][0] >= 0
    rest_P = ~np.isin(everywhere[1][0], answer[1][0, found_K])
    scores_QP, numbers_QP = (
        np.concatenate([some_QK[:, found_K], all_QP[:, rest_P]], axis=1)
        for some_QK, all_QP in zip(answer, everywhere, strict=True)
    )
    return scores_QP, numbers_QP
