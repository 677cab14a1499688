"""Exact search against float64, over several blocks and any number of threads."""

import subprocess
import sys

import numpy as np
import pytest

from retrieval.channels.exact_search import search_exactly
from retrieval.channels.faiss_installation import import_faiss
from retrieval.channels.vector_index import KINDS
from tests.unit_vectors import unit_vectors

COUNT = 20_000

SEARCH_AND_FORK = """
import os, signal, sys
import numpy as np
from retrieval.channels.faiss_installation import import_faiss
from retrieval.channels.vector_index import KINDS
import_faiss().omp_set_num_threads(2)
vectors = np.random.default_rng(0).normal(size=(3000, 16)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
index = KINDS[sys.argv[1]].build(vectors, np.arange(3000))
index.search(vectors[:50], 1)
child = os.fork()
if child == 0:
    signal.alarm(20)
    print(index.search(vectors[:50], 1)[1].ravel().tolist(), flush=True)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def search_in_float64(vectors_ND, ids_N, queries_QD, k):
    distinct_MD, number_N = np.unique(vectors_ND, axis=0, return_inverse=True)
    scores_QN = (queries_QD.astype(np.float64) @ distinct_MD.astype(np.float64).T)[:, number_N.ravel()]
    return np.stack([ids_N[np.lexsort((ids_N, -scores_N))[:k]] for scores_N in scores_QN])


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    faiss = import_faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(request.param)
    yield request.param
    faiss.omp_set_num_threads(before)


@pytest.fixture(scope="module")
def vectors():
    """Every tenth vector is there ten times."""
    distinct = unit_vectors(COUNT // 10 * 9, 16, seed=0)
    return np.concatenate([distinct, np.repeat(distinct[: COUNT // 100], 10, axis=0)])


@pytest.fixture(scope="module")
def ids(vectors):
    return np.random.default_rng(1).permutation(len(vectors))


@pytest.mark.parametrize("queries", [1, 3, 20])
@pytest.mark.parametrize("k", [1, 10, 3000])
def test_it_finds_what_float64_finds(vectors, ids, threads, queries, k):
    queries_QD = unit_vectors(queries, 16, seed=2)
    scores_QK, ids_QK = search_exactly(vectors, ids, queries_QD, k)
    expected_QK = search_in_float64(vectors, ids, queries_QD, k)
    place_N = np.argsort(ids)
    for scores_K, found_K, expected_K, query_D in zip(
        scores_QK, ids_QK, expected_QK, queries_QD, strict=True
    ):
        exact_K = vectors[place_N[found_K]].astype(np.float64) @ query_D
        np.testing.assert_allclose(scores_K, exact_K, atol=1e-6)
        assert (np.diff(scores_K) <= 0).all()
        # Two scores may be nearer to each other than float32 tells.
        assert len(np.setdiff1d(found_K, expected_K)) <= k // 1000


@pytest.mark.parametrize("share", [0.001, 0.3, 0.7])
def test_only_what_is_allowed_is_found(vectors, ids, threads, share):
    allowed_N = np.random.default_rng(3).random(len(vectors)) < share
    queries_QD = unit_vectors(2, 16, seed=4)
    _, ids_QK = search_exactly(vectors, ids, queries_QD, 10, allowed_N)
    expected_QK = search_in_float64(vectors[allowed_N], ids[allowed_N], queries_QD, 10)
    np.testing.assert_array_equal(ids_QK, expected_QK)


@pytest.mark.parametrize("dimension", [1, 2, 4, 8, 16, 24, 100, 384])
def test_equal_vectors_tie_wherever_they_lie(dimension):
    equal_ND = np.repeat(unit_vectors(1, dimension, seed=5), 9000, axis=0)
    data = np.zeros(equal_ND.nbytes + 2, dtype=np.uint8)
    shifted_ND = np.ndarray(equal_ND.shape, np.float32, buffer=data.data, offset=2)
    shifted_ND[:] = equal_ND
    queries_QD = unit_vectors(3, dimension, seed=6)
    aligned = search_exactly(equal_ND, np.arange(9000)[::-1], queries_QD, 8500)
    shifted = search_exactly(shifted_ND, np.arange(9000)[::-1], queries_QD, 8500)
    np.testing.assert_array_equal(aligned[1], np.tile(np.arange(8500), (3, 1)))
    assert (np.ptp(aligned[0], axis=1) == 0).all()
    for found, expected in zip(shifted, aligned, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dimension", [1, 4, 8, 9, 12, 13, 24, 100, 384])
def test_a_query_scores_what_it_scores_alone(dimension, threads):
    vectors_ND = unit_vectors(20_000, dimension, seed=7)
    queries_QD = unit_vectors(20, dimension, seed=8)
    together = search_exactly(vectors_ND, np.arange(20_000), queries_QD, 100)
    alone = [search_exactly(vectors_ND, np.arange(20_000), query_D[None], 100) for query_D in queries_QD]
    for found, expected in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(found, np.concatenate(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_a_forked_process_searches_too(kind):
    command = [sys.executable, "-c", SEARCH_AND_FORK, kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{list(range(50))}\n"
