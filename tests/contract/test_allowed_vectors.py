"""Within what a filter allows, every vector index finds what exact arithmetic finds there, and never too few.

A real IVF index takes part through the same protocol, as an approximate index will.
"""

import faiss
import numpy as np
import pytest

from retrieval.channels import allowed_rows
from retrieval.channels.allowed_rows import search_allowed
from retrieval.channels.vector_index import FlatIndex, VectorIndex

PHOTOS, DIMENSION, K = 50_000, 32, 10
NARROW, WIDE = 50, 25_000


class IvfIndex:
    """An inverted file; a search looks into `probes` of its lists."""

    probes = 16

    def __init__(self, vectors_ND: np.ndarray, ids_N: np.ndarray) -> None:
        flat = faiss.IndexFlatIP(DIMENSION)
        self.index = faiss.IndexIVFFlat(flat, DIMENSION, 256, faiss.METRIC_INNER_PRODUCT)
        self.index.train(vectors_ND[::4])
        self.index.add(vectors_ND)
        self.index.make_direct_map()
        self.ids = ids_N

    def search(
        self, queries_QD: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        allowed_N = np.ones(len(self.ids), bool) if allowed is None else allowed[self.ids]
        parameters = faiss.SearchParametersIVF(nprobe=self.probes)
        scores_QK, rows_QK = search_allowed(self.index, queries_QD, k, allowed_N, parameters)
        missing = ((0, 0), (0, k - rows_QK.shape[1]))
        ids_QK = np.pad(self.ids[rows_QK], missing, constant_values=-1)
        return np.pad(scores_QK, missing, constant_values=-np.inf), ids_QK


def unit_vectors(count: int, dimension: int, seed: int) -> np.ndarray:
    vectors_ND = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def groups() -> np.ndarray:
    """Vectors lie in groups, as photos' do."""
    return unit_vectors(200, DIMENSION, seed=1)


def scatter(groups: np.ndarray, count: int, seed: int) -> np.ndarray:
    choice = np.random.default_rng(seed).integers(0, len(groups), count)
    vectors_ND = groups[choice] + 0.6 * unit_vectors(count, DIMENSION, seed)
    return (vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors(groups: np.ndarray) -> np.ndarray:
    return scatter(groups, PHOTOS, seed=2)


@pytest.fixture(scope="module")
def queries(groups: np.ndarray) -> np.ndarray:
    return scatter(groups, 40, seed=3)


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return np.random.default_rng(4).permutation(PHOTOS)


@pytest.fixture(
    scope="module", params=[FlatIndex, "MilvusVectors"], ids=lambda each: getattr(each, "__name__", each)
)
def implementation(request):
    return request.getfixturevalue("milvus_vectors") if request.param == "MilvusVectors" else request.param


@pytest.fixture(scope="module")
def exact(implementation, vectors: np.ndarray, ids: np.ndarray) -> VectorIndex:
    return implementation.build(vectors, ids)


@pytest.fixture(scope="module")
def ivf(vectors: np.ndarray, ids: np.ndarray) -> IvfIndex:
    return IvfIndex(vectors, ids)


def allow(count: int, seed: int = 5) -> np.ndarray:
    """Bool by id: so many of all."""
    allowed = np.zeros(PHOTOS, dtype=bool)
    allowed[np.random.default_rng(seed).choice(PHOTOS, count, replace=False)] = True
    return allowed


def search_exactly(
    vectors_ND: np.ndarray, ids_N: np.ndarray, queries_QD: np.ndarray, k: int, allowed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The oracle: all products, in float64."""
    vectors_ND, ids_N = vectors_ND[allowed[ids_N]], ids_N[allowed[ids_N]]
    scores_QN = queries_QD.astype(np.float64) @ vectors_ND.astype(np.float64).T
    order_QK = np.argsort(-scores_QN, axis=1)[:, :k]
    return np.take_along_axis(scores_QN, order_QK, 1), ids_N[order_QK]


@pytest.mark.parametrize("count", [1, 9, NARROW, 2000, 2001, WIDE, PHOTOS])
def test_exact_indexes_are_exact_whatever_is_allowed(
    exact: VectorIndex, vectors: np.ndarray, ids: np.ndarray, queries: np.ndarray, count: int
) -> None:
    scores_QK, ids_QK = exact.search(queries, K, allow(count))
    expected_scores, expected_ids = search_exactly(vectors, ids, queries, K, allow(count))
    found = min(K, count)
    np.testing.assert_array_equal(ids_QK[:, :found], expected_ids)
    np.testing.assert_allclose(scores_QK[:, :found], expected_scores, atol=1e-6)
    assert (ids_QK[:, found:] == -1).all()
    assert (scores_QK[:, found:] == -np.inf).all()


def test_ivf_comes_up_short_when_it_is_filtered_naively(ivf: IvfIndex, queries: np.ndarray) -> None:
    allowed_N = allow(NARROW)[ivf.ids]
    selector = faiss.IDSelectorBitmap(np.packbits(allowed_N, bitorder="little"))
    parameters = faiss.SearchParametersIVF(nprobe=ivf.probes, sel=selector)
    _, rows_QK = ivf.index.search(queries, K, params=parameters)
    assert np.count_nonzero(rows_QK >= 0, axis=1).mean() < 5


@pytest.mark.parametrize("count", [1, NARROW, 2000, 2500])
def test_ivf_is_exact_where_the_filter_is_narrow(
    ivf: IvfIndex, vectors: np.ndarray, ids: np.ndarray, queries: np.ndarray, count: int
) -> None:
    scores_QK, ids_QK = ivf.search(queries, K, allow(count))
    expected_scores, expected_ids = search_exactly(vectors, ids, queries, K, allow(count))
    found = min(K, count)
    np.testing.assert_array_equal(ids_QK[:, :found], expected_ids)
    np.testing.assert_allclose(scores_QK[:, :found], expected_scores, atol=1e-6)
    assert (ids_QK[:, found:] == -1).all()


@pytest.mark.parametrize("count", [2501, 5000, WIDE])
def test_ivf_searches_its_lists_where_the_filter_is_wide(
    ivf: IvfIndex,
    vectors: np.ndarray,
    ids: np.ndarray,
    queries: np.ndarray,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(allowed_rows, "_search_exactly", None)
    _, ids_QK = ivf.search(queries, K, allow(count))
    _, expected_ids = search_exactly(vectors, ids, queries, K, allow(count))
    assert allow(count)[ids_QK].all()
    shared = [np.isin(found, expected).mean() for found, expected in zip(ids_QK, expected_ids, strict=True)]
    assert np.mean(shared) > 0.97


def test_a_wide_filter_far_from_the_query_still_gives_k(
    ivf: IvfIndex, groups: np.ndarray, vectors: np.ndarray, ids: np.ndarray
) -> None:
    """The lists that a search looks into hold none of the allowed photos, though those are many."""
    nearest_N = (vectors @ groups.T).argmax(axis=1)
    allowed = np.zeros(PHOTOS, dtype=bool)
    allowed[ids[(groups @ groups[0])[nearest_N] < -0.1]] = True
    assert np.count_nonzero(allowed) > 0.2 * PHOTOS
    _, ids_QK = ivf.search(groups[:1], K, allowed)
    _, expected_ids = search_exactly(vectors, ids, groups[:1], K, allowed)
    np.testing.assert_array_equal(ids_QK, expected_ids)


def test_equal_vectors_come_by_id_within_a_filter_too(implementation) -> None:
    vectors_ND = np.repeat(unit_vectors(5, 8, seed=0), 40, axis=0)
    ids_N = np.random.default_rng(0).permutation(200)
    allowed = np.zeros(200, dtype=bool)
    allowed[::3] = True
    query_1D = vectors_ND[:1]
    scores_1K, ids_1K = implementation.build(vectors_ND, ids_N).search(query_1D, 12, allowed)
    same = np.sort(ids_N[:40][allowed[ids_N[:40]]])
    np.testing.assert_array_equal(ids_1K[0], same[:12])
    assert len(set(scores_1K[0].tolist())) == 1


def test_nothing_allowed_finds_nothing(exact: VectorIndex, queries: np.ndarray) -> None:
    scores_QK, ids_QK = exact.search(queries, K, np.zeros(PHOTOS, dtype=bool))
    assert (ids_QK == -1).all()
    assert (scores_QK == -np.inf).all()


def test_vectors_are_given_by_id(
    implementation, exact: VectorIndex, vectors: np.ndarray, ids: np.ndarray
) -> None:
    asked = np.array([7, 0, 49_999, 7])
    np.testing.assert_array_equal(exact.vectors(asked), vectors[[ids.tolist().index(each) for each in asked]])
    sparse = implementation.build(vectors[:3], np.array([5, 2, 9]))
    found = sparse.vectors(np.array([9, 3, 2, 10]))
    np.testing.assert_array_equal(found[[0, 2]], vectors[[2, 1]])
    assert np.isnan(found[[1, 3]]).all()
    assert implementation.build(vectors[:0], ids[:0]).vectors(asked).shape == (4, DIMENSION)
