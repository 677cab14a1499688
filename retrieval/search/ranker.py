"""Queries → ranked photos: each channel's answer, and all of them fused. Reads and writes nothing.

Shapes: Q queries, K photos of an answer, P photos of the index.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from retrieval.channels.channel import Channel
from retrieval.channels.searcher import Queries, Searcher
from retrieval.errors import UsageError
from retrieval.search.fusion import FusionConfig, fuse_answers, rank_scores, score_left_out
from retrieval.search.hit import ChannelHit
from retrieval.search.human_lift import lift_images

# Photos that each channel is asked for when the answers are fused, at least.
_CANDIDATES = 1000

RERANK = "rerank"
"""What a hit calls its place among the photos that were ranked again, beside its channels."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Scores float32 (Q, K) and photos' numbers int64 (Q, K), best first; -inf and -1 beyond the last.

    `answers` are such scores and numbers of each channel. `added` is what each adds to the photos' scores,
    float32 (Q, P); None where one channel was asked alone. `lift` is by how much people's words raise the
    photos' image scores (see `human_lift`). `reranked` is, of one query, the place of each photo that was
    ranked again (see `reranking`).
    """

    scores_QK: np.ndarray
    numbers_QK: np.ndarray
    answers: Mapping[Channel, tuple[np.ndarray, np.ndarray]]
    added: Mapping[Channel, np.ndarray] | None = None
    lift: np.ndarray | None = None
    reranked: Mapping[int, ChannelHit] = field(default_factory=dict)

    def only(self, query: int) -> "Ranked":
        """The answer to one of the queries."""
        row = slice(query, query + 1)
        answers = {name: (scores[row], numbers[row]) for name, (scores, numbers) in self.answers.items()}
        added = self.added and {name: added_QP[row] for name, added_QP in self.added.items()}
        lift = None if self.lift is None else self.lift[row]
        return Ranked(self.scores_QK[row], self.numbers_QK[row], answers, added, lift, self.reranked)

    def scores_of(self, numbers_K: np.ndarray) -> dict[Channel, np.ndarray]:
        """By channel, what these photos scored for the first query, float32 (K,).

        Of photos that a channel's answer leaves out see `fusion.score_left_out`. The image scores are as
        people's words raise them.
        """
        found = {}
        for channel, (scores_QN, numbers_QN) in self.answers.items():
            there_N = numbers_QN[0] >= 0
            left_out = score_left_out(channel, scores_QN[:1], numbers_QN[:1]).item()
            scores_P = np.full(max(numbers_QN[0].max(initial=0), numbers_K.max(initial=0)) + 1, left_out)
            scores_P[numbers_QN[0, there_N]] = scores_QN[0, there_N]
            found[channel] = scores_P[numbers_K]
        if self.lift is not None:
            found[Channel.IMAGE] = found[Channel.IMAGE] + self.lift[0, numbers_K]
        return found

    def find_places(self, numbers: np.ndarray) -> dict[int, dict[str, ChannelHit]]:
        """By photo, its places in the channels that ranked it for the first query, and when ranked again."""
        places: dict[int, dict[str, ChannelHit]] = {number: {} for number in numbers.tolist()}
        for channel, (scores_QN, numbers_QN) in self.answers.items():
            for rank in np.flatnonzero(np.isin(numbers_QN[0], numbers)).tolist():
                number, score = int(numbers_QN[0, rank]), float(scores_QN[0, rank])
                added = score if self.added is None else float(self.added[channel][0, number])
                places[number][str(channel)] = ChannelHit(rank + 1, score, added)
        for number in places.keys() & self.reranked.keys():
            places[number][RERANK] = self.reranked[number]
        return places


class Ranker:
    """The channels of an index, and their fusion."""

    def __init__(
        self, channels: Mapping[Channel, Searcher], fusion: FusionConfig, human_P: np.ndarray
    ) -> None:
        """The channels answer with photos' numbers; `human_P` bool says whose caption a person wrote."""
        self.channels = dict(channels)
        self._fusion = fusion
        self._human_P = human_P
        self._photos = len(human_P)

    def rank(
        self, queries: Queries, k: int, channel: str | None = None, allowed_P: np.ndarray | None = None
    ) -> Ranked:
        """The k best photos of those that `allowed_P` lets through; None lets all.

        Without a `channel` the answers of all are fused, and every photo that is let through is ranked.

        Raises:
            UsageError: a channel that the index lacks.
        """
        searchers = self.pick(channel)
        depth = self._find_depth(k, channel, allowed_P)
        answers = {name: searcher.search(queries, depth, allowed_P) for name, searcher in searchers.items()}
        return self._fuse(answers, allowed_P)

    def rank_everywhere(
        self, queries: Queries, k: int, channel: str | None = None, allowed_P: np.ndarray | None = None
    ) -> tuple[Ranked, Ranked]:
        """What `rank` gives, and the same with every photo that each channel has."""
        everywhere = self.rank(queries, self._photos, channel, allowed_P)
        depth = self._find_depth(k, channel, allowed_P)
        answers = {
            name: (scores_QK[:, :depth], numbers_QK[:, :depth])
            for name, (scores_QK, numbers_QK) in everywhere.answers.items()
        }
        return self._fuse(answers, allowed_P), everywhere

    def _find_depth(self, k: int, channel: str | None, allowed_P: np.ndarray | None) -> int:
        """How many photos each channel is asked for."""
        wanted = k if len(self.pick(channel)) == 1 else max(k, _CANDIDATES)
        return max(min(wanted, self._count_allowed(allowed_P)), 1)

    def _count_allowed(self, allowed_P: np.ndarray | None) -> int:
        return self._photos if allowed_P is None else int(np.count_nonzero(allowed_P))

    def _fuse(
        self, answers: Mapping[Channel, tuple[np.ndarray, np.ndarray]], allowed_P: np.ndarray | None
    ) -> Ranked:
        allowed = self._count_allowed(allowed_P)
        if len(answers) == 1:
            ((scores_QK, numbers_QK),) = answers.values()
            return Ranked(scores_QK[:, :allowed], numbers_QK[:, :allowed], answers)
        added = {
            name: fuse_answers({name: each}, self._fusion, self._photos) for name, each in answers.items()
        }
        lift_QP = lift_images(answers, self._human_P)
        if lift_QP is not None:
            added[Channel.CAPTION] += np.float32(self._fusion.weight(Channel.IMAGE)) * lift_QP
        fused_QP = np.sum(list(added.values()), axis=0)
        if allowed_P is not None:
            fused_QP[:, ~allowed_P] = -np.inf
        return Ranked(*rank_scores(fused_QP, allowed), answers, added, lift_QP)

    def pick(self, channel: str | None) -> dict[Channel, Searcher]:
        """The channels that answer where `channel` is asked for; all for None.

        Raises:
            UsageError: a channel that the index lacks.
        """
        if channel is None:
            return self.channels
        if channel not in self.channels:
            raise UsageError(
                f"found no channel {channel!r} in this index, expected one of: {', '.join(self.channels)}"
            )
        return {Channel(channel): self.channels[Channel(channel)]}
