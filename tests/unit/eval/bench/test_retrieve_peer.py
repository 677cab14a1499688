"""Ours, as it is measured: it looks as hard as it is told to, and without being told as it chose to."""

from pathlib import Path

import numpy as np
import pytest

from eval.bench.peers.peer import EFFORTS
from eval.bench.peers.retrieve_peer import RetrievePeer
from eval.growth.kinds import FlatKind, IvfPqKind
from retrieval.channels.ann_recall import find_kth_scores, measure_ann_recall

K = 10


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    vectors_ND = np.random.default_rng(0).standard_normal((4040, 32)).astype(np.float32)
    return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)


def test_lists_are_looked_into_as_told(tmp_path: Path, vectors: np.ndarray) -> None:
    class Lists(RetrievePeer):
        wish = IvfPqKind.wish

    data, queries = vectors[:4000], vectors[4000:]
    kth = find_kth_scores(queries, data, K)
    Lists.build(data, tmp_path)
    opened = Lists.open(tmp_path)

    def find(effort: int) -> float:
        opened.set_effort(effort)
        return measure_ann_recall(opened.search(queries, K), queries, data, kth)

    chosen = find(0)
    assert find(1) < find(EFFORTS[0]) < chosen
    # More than there are lists is all of them, and of all that is rounded nearly all is found.
    assert find(EFFORTS[-1]) > 0.99
    # Zero changes nothing: it is what was chosen only while nothing else was told.
    assert find(0) == find(EFFORTS[-1])


def test_flat_compares_all_whatever_it_is_told(tmp_path: Path, vectors: np.ndarray) -> None:
    data, queries = vectors[:4000], vectors[4000:]
    FlatKind.build(data, tmp_path)
    opened = FlatKind.open(tmp_path)
    opened.set_effort(EFFORTS[0])
    assert (opened.search(queries, K)[:, 0] == np.argmax(queries @ data.T, axis=1)).all()


def test_growth_measures_what_the_index_chose() -> None:
    assert (FlatKind.efforts, IvfPqKind.efforts) == ((0,), (0,))
