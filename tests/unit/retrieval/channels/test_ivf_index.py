import numpy as np
import pytest

from retrieval.channels import ivf_index
from retrieval.channels.faiss_installation import import_faiss
from retrieval.channels.ivf_index import IvfPqIndex
from tests.unit_vectors import unit_vectors

GROUPS, K, DIMENSION = 600, 10, 32
COUNT = GROUPS * K
ONE_CORE = (1, 0)


@pytest.fixture
def index():
    """Ten vectors around each of 600: what is nearest is no matter of rounding."""
    near_ND = np.repeat(unit_vectors(GROUPS, DIMENSION), K, axis=0) + 0.2 * unit_vectors(
        COUNT, DIMENSION, seed=1
    )
    made = IvfPqIndex.build(near_ND / np.linalg.norm(near_ND, axis=1, keepdims=True), np.arange(COUNT))
    made.set_effort(made.most_effort)
    return made


@pytest.fixture
def ways(index, monkeypatch):
    """Of each search from now on, how many threads FAISS may use, and which of its ways to search lists."""
    seen, search = list[tuple[int, int]](), index._index.search

    def watch(*arguments, **options):
        seen.append((import_faiss().omp_get_max_threads(), index._quantised.implem))
        return search(*arguments, **options)

    monkeypatch.setattr(index._index, "search", watch)
    return seen


@pytest.mark.parametrize("allowed", [None, np.arange(COUNT) >= COUNT // 3], ids=["all", "filtered"])
@pytest.mark.parametrize("shared", [False, True])
def test_one_query_finds_the_same_on_one_core_and_on_all(index, ways, monkeypatch, shared, allowed):
    monkeypatch.setattr(ivf_index, "_WORTH_SHARING", 0 if shared else COUNT + 1)
    queries_QD = unit_vectors(GROUPS, DIMENSION)[-50:]
    scores_QK, ids_QK = index.search(queries_QD, K, allowed)
    assert np.sort(ids_QK).tolist() == np.arange(COUNT)[-50 * K :].reshape(50, K).tolist()
    for row in range(len(queries_QD)):
        one_scores, one_ids = index.search(queries_QD[row : row + 1], K, allowed)
        assert one_ids.tolist() == [ids_QK[row].tolist()]
        assert np.allclose(one_scores, scores_QK[row], atol=1e-6)
    cores = import_faiss().omp_get_max_threads()
    assert ways == [(cores, 0)] + 50 * [(cores, 15) if shared else ONE_CORE]


def test_a_query_for_many_stays_on_one_core(index, ways, monkeypatch):
    """What the threads found would be put together for longer than it took to find."""
    monkeypatch.setattr(ivf_index, "_WORTH_SHARING", 0)
    index.search(unit_vectors(1, DIMENSION), 1000)
    assert ways == [ONE_CORE]
