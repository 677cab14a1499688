"""What is taken down of a system: its run, and where the right photos came. Reads scores, writes runs."""

from dataclasses import dataclass

import numpy as np

from eval.searching.placements import Placements, join_placements, place_relevant
from eval.searching.scored_queries import ScoredQueries
from eval.searching.trec import RunWriter


@dataclass(frozen=True, slots=True, eq=False)
class SystemRun:
    """Where each query's photo came, and float32 (queries,) the score that it was given (-inf: no answer)."""

    placements: Placements
    own_scores: np.ndarray


class SystemRecorder:
    """Takes down what a system scores, batch by batch: in its run, and where the right photos came."""

    def __init__(self, run: RunWriter) -> None:
        self._run = run
        self._parts, self._own_scores = list[Placements](), list[np.ndarray]()

    def record(self, scored: ScoredQueries) -> None:
        """The next queries."""
        self._parts.append(place_relevant(scored.scores_QP, [[query.photo] for query in scored.queries]))
        self._own_scores.append(scored.own_scores)
        self._run.write(scored)

    def finish(self) -> SystemRun:
        """All that was recorded."""
        return SystemRun(join_placements(self._parts), np.concatenate(self._own_scores))
