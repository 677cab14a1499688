"""Among many vectors, every index finds what exact arithmetic finds there, or as much of it as was asked for.

Whatever a filter lets through: with k vectors allowed, k come back, and none that it leaves out.
"""

import numpy as np
import pytest

from retrieval.channels.approximate_index import ApproximateIndex
from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.vector_choice import tune_effort
from retrieval.channels.vector_index import KINDS, VectorIndex
from retrieval.milvus.milvus_vectors import MilvusVectors
from tests.unit_vectors import unit_vectors

PHOTOS, DIMENSION, K = 30_000, 32, 10
NARROW, WIDE = [1, 9, 50, 2000, 3000], [3001, 6000, 15_000, PHOTOS]
WANTED = 0.99


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
    return scatter(groups, 60, seed=3)


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return np.random.default_rng(4).permutation(PHOTOS)


OTHERS = ["layered_vectors", "milvus_vectors"]


@pytest.fixture(
    scope="module", params=[*KINDS.values(), *OTHERS], ids=lambda each: getattr(each, "kind", each)
)
def implementation(request):
    return request.getfixturevalue(request.param) if request.param in OTHERS else request.param


@pytest.fixture(scope="module")
def index(implementation, vectors: np.ndarray, ids: np.ndarray) -> VectorIndex:
    built: VectorIndex = implementation.build(vectors, ids)
    if isinstance(built, ApproximateIndex):
        assert tune_effort(built, WANTED) >= WANTED
    return built


@pytest.fixture(scope="module")
def asked(index: VectorIndex, queries: np.ndarray) -> np.ndarray:
    """Of Milvus, which searches exactly and for one at a time, less: there is no mean to take."""
    return queries[:8] if isinstance(index, MilvusVectors) else queries


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


@pytest.mark.parametrize("count", NARROW)
def test_a_narrow_filter_is_searched_exactly(
    index: VectorIndex, vectors: np.ndarray, ids: np.ndarray, asked: np.ndarray, count: int
) -> None:
    scores_QK, ids_QK = index.search(asked, K, allow(count))
    expected_scores, expected_ids = search_exactly(vectors, ids, asked, K, allow(count))
    found = min(K, count)
    np.testing.assert_array_equal(ids_QK[:, :found], expected_ids)
    np.testing.assert_allclose(scores_QK[:, :found], expected_scores, atol=1e-6)
    assert (ids_QK[:, found:] == -1).all()
    assert (scores_QK[:, found:] == -np.inf).all()


@pytest.mark.parametrize("count", WIDE)
def test_within_a_wide_filter_as_much_is_found_as_was_asked_for(
    index: VectorIndex,
    vectors: np.ndarray,
    ids: np.ndarray,
    asked: np.ndarray,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if isinstance(index, ApproximateIndex):
        monkeypatch.setattr(FlatIndex, "search", None)
    scores_QK, ids_QK = index.search(asked, K, allow(count))
    _, expected_ids = search_exactly(vectors, ids, asked, K, allow(count))
    assert allow(count)[ids_QK].all()
    assert all(len(set(found)) == K for found in ids_QK.tolist())
    shared = [np.isin(found, expected).mean() for found, expected in zip(ids_QK, expected_ids, strict=True)]
    assert np.mean(shared) >= (0.98 if isinstance(index, ApproximateIndex) else 1)
    # What is found has its exact score, best first.
    exact_QK = np.einsum("qd,qkd->qk", asked.astype(np.float64), vectors[np.argsort(ids)[ids_QK]])
    np.testing.assert_allclose(scores_QK, exact_QK, atol=1e-6)
    assert (np.diff(scores_QK) <= 0).all()


def test_without_a_filter_as_much_is_found_as_was_asked_for(
    index: VectorIndex, vectors: np.ndarray, ids: np.ndarray, asked: np.ndarray
) -> None:
    everything = search_exactly(vectors, ids, asked, 1000, allow(PHOTOS))[1]
    for k, least in ((1, 0.98), (K, 0.98), (1000, 0.9)):
        found_QK = index.search(asked, k)[1]
        shared = [np.isin(a, b).mean() for a, b in zip(found_QK, everything[:, :k], strict=True)]
        assert np.mean(shared) >= (least if isinstance(index, ApproximateIndex) else 1)


@pytest.mark.parametrize("kind", [each for each in KINDS.values() if issubclass(each, ApproximateIndex)])
def test_a_longer_answer_finds_no_less(kind, vectors: np.ndarray, ids: np.ndarray) -> None:
    """Also where rounding made it look at many vectors for each neighbour."""
    built = kind.build(vectors, ids)
    for _ in range(4):
        built.rescore_more()
    fewest, few, many = (built.search(vectors[:50], k)[0] for k in (1, K, 1000))
    assert (many[:, :K] >= few).all()
    assert (many[:, :1] >= fewest).all()
    assert built._count_candidates(1) == built._count_candidates(10) < built._count_candidates(11)


def test_a_wide_filter_far_from_the_query_still_gives_k(
    index: VectorIndex, groups: np.ndarray, vectors: np.ndarray, ids: np.ndarray
) -> None:
    """What a search looks into holds few of the allowed photos, though those are many."""
    nearest_N = (vectors @ groups.T).argmax(axis=1)
    allowed = np.zeros(PHOTOS, dtype=bool)
    allowed[ids[(groups @ groups[0])[nearest_N] < -0.1]] = True
    assert np.count_nonzero(allowed) > 0.2 * PHOTOS
    _, ids_QK = index.search(groups[:1], K, allowed)
    assert len(set(ids_QK[0].tolist())) == K
    assert allowed[ids_QK].all()


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


@pytest.fixture(scope="module")
def index_of_equals(implementation, vectors: np.ndarray, ids: np.ndarray) -> VectorIndex:
    """A hundred of each."""
    return implementation.build(np.repeat(vectors[:300], 100, axis=0), ids)


@pytest.mark.parametrize(
    "implementation", KINDS.values(), indirect=True, scope="module", ids=lambda kind: kind.kind
)
@pytest.mark.parametrize("k", [1, 12, 60])
def test_equal_vectors_among_many_come_by_id(
    index_of_equals: VectorIndex, vectors: np.ndarray, ids: np.ndarray, k: int
) -> None:
    for allowed in (None, allow(PHOTOS // 2)):
        scores_QK, ids_QK = index_of_equals.search(vectors[:2], k, allowed)
        for query in range(2):
            same = ids[100 * query : 100 * query + 100]
            same = same if allowed is None else same[allowed[same]]
            found = min(k, len(same))
            np.testing.assert_array_equal(ids_QK[query, :found], np.sort(same)[:found])
            assert len(set(scores_QK[query, :found].tolist())) == 1


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_equal_vectors_change_no_answer_to_what_is_asked_beside_them(
    kind, vectors: np.ndarray, ids: np.ndarray, queries: np.ndarray
) -> None:
    copied = vectors.copy()
    copied[100:500] = vectors[0]
    built = kind.build(copied, ids)
    for start in range(0, len(queries), 6):
        some = np.concatenate([queries[start : start + 6], vectors[:1]])
        together = built.search(some, K)
        alone = [built.search(query_D[None], K) for query_D in some]
        for found, expected in zip(together, zip(*alone, strict=True), strict=True):
            np.testing.assert_array_equal(found, np.concatenate(expected))


@pytest.mark.parametrize(
    "implementation", KINDS.values(), indirect=True, scope="module", ids=lambda kind: kind.kind
)
def test_the_same_vectors_give_the_same_bytes(
    implementation, index: VectorIndex, vectors: np.ndarray, ids: np.ndarray, pack
) -> None:
    again = implementation.build(vectors, ids)
    if isinstance(again, ApproximateIndex):
        tune_effort(again, WANTED)
    assert pack(again) == pack(index)


def test_nothing_allowed_finds_nothing(index: VectorIndex, queries: np.ndarray) -> None:
    scores_QK, ids_QK = index.search(queries, K, np.zeros(PHOTOS, dtype=bool))
    assert (ids_QK == -1).all()
    assert (scores_QK == -np.inf).all()


def test_vectors_are_given_by_id(
    implementation, index: VectorIndex, vectors: np.ndarray, ids: np.ndarray
) -> None:
    wanted = np.array([7, 0, 29_999, 7])
    expected = vectors[[ids.tolist().index(each) for each in wanted]]
    np.testing.assert_array_equal(index.vectors(wanted), expected)
    found = implementation.build(vectors[:3], np.array([5, 2, 9])).vectors(np.array([9, 3, 2, 10]))
    np.testing.assert_array_equal(found[[0, 2]], vectors[[2, 1]])
    assert np.isnan(found[[1, 3]]).all()
    assert implementation.build(vectors[:0], ids[:0]).vectors(wanted).shape == (4, DIMENSION)
