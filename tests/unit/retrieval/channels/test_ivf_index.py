import numpy as np
import pytest

from retrieval.channels import ivf_index
from retrieval.channels.faiss_installation import import_faiss
from retrieval.channels.ivf_index import IvfPqIndex
from tests.unit_vectors import unit_vectors

K = 10


@pytest.fixture
def index():
    made = IvfPqIndex.build(unit_vectors(6000, 32), np.arange(6000))
    made.with_effort(made.most_effort)
    return made


@pytest.fixture
def threads_of_searches(index, monkeypatch):
    """How many threads FAISS may use in each search from now on."""
    seen, search = list[int](), index._index.search

    def count(*arguments, **options):
        seen.append(import_faiss().omp_get_max_threads())
        return search(*arguments, **options)

    monkeypatch.setattr(index._index, "search", count)
    return seen


@pytest.mark.parametrize("worth", [0, 6001])
def test_one_query_finds_the_same_on_one_core_and_on_all(index, threads_of_searches, monkeypatch, worth):
    monkeypatch.setattr(ivf_index, "_WORTH_SHARING", worth)
    queries_QD = unit_vectors(50, 32, seed=1)
    scores_QK, ids_QK = index.search(queries_QD, K)
    for row in range(len(queries_QD)):
        one_scores, one_ids = index.search(queries_QD[row : row + 1], K)
        assert one_ids.tolist() == [ids_QK[row].tolist()]
        assert np.allclose(one_scores, scores_QK[row], atol=1e-6)
    all_cores = import_faiss().omp_get_max_threads()
    assert threads_of_searches == [all_cores] + 50 * [1 if worth else all_cores]


def test_a_query_for_many_stays_on_one_core(index, threads_of_searches, monkeypatch):
    """What the threads found would be put together for longer than it took to find."""
    monkeypatch.setattr(ivf_index, "_WORTH_SHARING", 0)
    index.search(unit_vectors(1, 32, seed=1), 1000)
    assert threads_of_searches == [1]
