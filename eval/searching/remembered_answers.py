"""A channel that remembers its last answer: systems that take turns ask each channel once. Reads nothing."""

import numpy as np

from retrieval.channels.searcher import Searcher
from retrieval.search.fusion import Answer
from retrieval.text.queries import Queries


class RememberingSearcher:
    """A `Searcher` in front of another one, with the same answers; they cannot be written to."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher
        self._question: tuple[tuple[str, ...], int] | None = None
        self._answer: Answer | None = None

    def search(self, queries: Queries, k: int, allowed_P: np.ndarray | None = None) -> Answer:
        """As `Searcher.search`; what is asked under a filter is asked anew."""
        if allowed_P is not None:
            return self._searcher.search(queries, k, allowed_P)
        question = (queries.texts, k)
        if self._answer is None or question != self._question:
            self._answer = self._searcher.search(queries, k)
            for each in self._answer:
                each.setflags(write=False)
            self._question = question
        return self._answer
