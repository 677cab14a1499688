"""Scores that were kept come back as they were, and leave nothing behind."""

from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import pytest

from eval.searching.kept_scores import KeptScores
from eval.searching.scored_queries import ScoredQueries


@pytest.mark.parametrize("at_once", [1, 5, 1000])
def test_what_was_kept_comes_back(small_collection: Any, tmp_path: Path, at_once: int) -> None:
    queries, photos = small_collection.queries, len(small_collection.photos)
    scores_QP = np.random.default_rng(0).standard_normal((len(queries), photos)).astype(np.float32)
    scores_QP[0, 0] = -np.inf
    with TemporaryFile(dir=tmp_path) as file:
        kept = KeptScores(small_collection, file)
        for start in range(0, len(queries), 4):
            kept.record(ScoredQueries(queries[start : start + 4], scores_QP[start : start + 4]))
        own = [scores_QP[number, query.photo] for number, query in enumerate(queries)]
        np.testing.assert_array_equal(kept.own_scores, own)
        for _ in range(2):
            batches = list(kept.read(at_once))
            assert [query for batch in batches for query in batch.queries] == list(queries)
            np.testing.assert_array_equal(np.concatenate([batch.scores_QP for batch in batches]), scores_QP)
            assert all(len(batch.queries) <= at_once for batch in batches)
    assert list(tmp_path.iterdir()) == []
