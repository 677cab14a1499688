"""Every vector index gives what exact arithmetic gives: the same ids in the same order, the same scores.

So do the approximate ones as long as there are few vectors; `test_allowed_vectors` has many.
"""

import numpy as np
import pytest

from retrieval.channels.vector_index import KINDS, read_vectors, write_vectors
from retrieval.errors import IndexFormatError, RetrievalError
from tests.unit_vectors import unit_vectors

STORED = list(KINDS.values())
"""Those that lie in a file of the index."""
OTHERS = ["layered_vectors", "milvus_vectors"]


@pytest.fixture(params=[*STORED, *OTHERS], ids=lambda each: getattr(each, "kind", each))
def implementation(request):
    return request.getfixturevalue(request.param) if request.param in OTHERS else request.param


@pytest.fixture(params=STORED, ids=lambda kind: kind.kind)
def stored(request):
    return request.param


# As many queries as FAISS takes at once, and more; Milvus is asked one by one.
ASKED = [
    pytest.param(each, queries, id=f"{getattr(each, 'kind', each)}-{queries}")
    for each in (*STORED, *OTHERS)
    for queries in ([1, 17] if each == "milvus_vectors" else [1, 16, 17, 45])
]


def exact_search(vectors_ND, ids_N, queries_QD, k):
    """The oracle: float64 inner products, best first; equal vectors in order of id."""
    # Equal vectors share one product, so that they tie here as exactly as they are equal.
    distinct_MD, number_N = np.unique(vectors_ND, axis=0, return_inverse=True)
    scores_QN = (queries_QD.astype(np.float64) @ distinct_MD.astype(np.float64).T)[:, number_N.ravel()]
    order_QK = np.stack([np.lexsort((ids_N, -scores_N))[:k] for scores_N in scores_QN])
    return np.take_along_axis(scores_QN, order_QK, axis=1), ids_N[order_QK]


@pytest.mark.parametrize("count", [1, 2, 7, 300])
@pytest.mark.parametrize(("implementation", "queries"), ASKED, indirect=["implementation"])
@pytest.mark.parametrize("k", [1, 5, 300])
def test_ids_and_scores_are_those_of_the_oracle(implementation, count, queries, k):
    vectors_ND, queries_QD = unit_vectors(count, 24), unit_vectors(queries, 24, seed=1)
    ids_N = np.random.default_rng(2).permutation(10 * count)[:count]
    scores_QK, ids_QK = implementation.build(vectors_ND, ids_N).search(queries_QD, k)
    assert (scores_QK.dtype, scores_QK.shape) == (np.float32, (queries, k))
    assert (ids_QK.dtype, ids_QK.shape) == (np.int64, (queries, k))
    found = min(k, count)
    expected_scores, expected_ids = exact_search(vectors_ND, ids_N, queries_QD, k)
    np.testing.assert_array_equal(ids_QK[:, :found], expected_ids)
    np.testing.assert_allclose(scores_QK[:, :found], expected_scores, atol=1e-6)
    assert (ids_QK[:, found:] == -1).all()
    assert (scores_QK[:, found:] == -np.inf).all()


@pytest.mark.parametrize(("implementation", "queries"), ASKED, indirect=["implementation"])
@pytest.mark.parametrize("k", [1, 2, 3, 10, 63, 64, 130, 200])
def test_equal_vectors_tie_exactly_and_come_by_id(implementation, queries, k):
    distinct = unit_vectors(9, 384, seed=3)
    choice_N = np.random.default_rng(4).integers(0, 9, 200)
    ids_N = np.random.default_rng(5).permutation(200)
    queries_QD = unit_vectors(queries, 384, seed=6)
    scores_QK, ids_QK = implementation.build(distinct[choice_N], ids_N).search(queries_QD, k)
    expected_scores, expected_ids = exact_search(distinct[choice_N], ids_N, queries_QD, k)
    np.testing.assert_array_equal(ids_QK, expected_ids)
    np.testing.assert_allclose(scores_QK, expected_scores, atol=1e-6)


def test_all_vectors_equal(implementation):
    vectors_ND = np.repeat(unit_vectors(1, 8), 100, axis=0)
    ids_N = np.arange(100)[::-1]
    _, ids_QK = implementation.build(vectors_ND, ids_N).search(unit_vectors(3, 8, seed=1), 7)
    np.testing.assert_array_equal(ids_QK, np.tile(np.arange(7), (3, 1)))


def test_answer_does_not_depend_on_the_queries_beside_it(implementation):
    vector_index = implementation.build(unit_vectors(500, 64), np.arange(500))
    queries_QD = unit_vectors(50, 64, seed=1)
    together = vector_index.search(queries_QD, 20)
    for number in range(50):
        alone = vector_index.search(queries_QD[number : number + 1], 20)
        np.testing.assert_array_equal(alone[0][0], together[0][number])
        np.testing.assert_array_equal(alone[1][0], together[1][number])


def test_vector_finds_itself_with_score_one(implementation):
    vectors_ND = unit_vectors(40, 16)
    scores_QK, ids_QK = implementation.build(vectors_ND, np.arange(40)).search(vectors_ND, 1)
    np.testing.assert_array_equal(ids_QK[:, 0], np.arange(40))
    np.testing.assert_allclose(scores_QK[:, 0], 1, atol=1e-6)


def test_empty_index_answers_nothing(implementation):
    vector_index = implementation.build(np.zeros((0, 8), np.float32), np.zeros(0, np.int64))
    scores_QK, ids_QK = vector_index.search(unit_vectors(2, 8), 3)
    assert (ids_QK == -1).all()
    assert (scores_QK == -np.inf).all()
    assert ids_QK.shape == (2, 3)


def test_no_queries(implementation):
    scores_QK, ids_QK = implementation.build(unit_vectors(5, 8), np.arange(5)).search(
        np.zeros((0, 8), np.float32), 3
    )
    assert scores_QK.shape == ids_QK.shape == (0, 3)


def test_vectors_that_are_not_contiguous_or_not_float32_are_handled(implementation):
    vectors_ND = unit_vectors(60, 8)
    expected = implementation.build(vectors_ND[::2].copy(), np.arange(30)).search(vectors_ND[:4].copy(), 5)
    for form in (vectors_ND[::2], np.asfortranarray(vectors_ND[::2]), vectors_ND[::2].astype(np.float64)):
        vector_index = implementation.build(form, np.arange(60)[::2] // 2)
        found = vector_index.search(np.asfortranarray(vectors_ND[:4]), 5)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_what_was_given_does_not_change_an_index_later(implementation):
    vectors_ND = unit_vectors(5, 8)
    ids_N = np.arange(5)
    vector_index = implementation.build(vectors_ND, ids_N)
    query = vectors_ND[3:4].copy()
    if vectors_ND.flags.writeable:
        vectors_ND[:] = 0
    ids_N[:] = 0
    assert vector_index.search(query, 1)[1].tolist() == [[3]]


def test_vectors_given_are_kept_and_not_copied(stored):
    vectors_ND = unit_vectors(5, 8)
    vector_index = stored.build(vectors_ND, np.arange(5))
    assert np.shares_memory(vector_index.all_vectors, vectors_ND)
    with pytest.raises(ValueError, match="read-only"):
        vectors_ND[:] = 0
    expected = vectors_ND.copy()
    del vectors_ND
    np.testing.assert_array_equal(vector_index.all_vectors, expected)


@pytest.mark.parametrize("shape", [(3, 7), (3, 9), (8,), (1, 3, 8)])
def test_queries_of_another_shape_are_refused(implementation, shape):
    vector_index = implementation.build(unit_vectors(5, 8), np.arange(5))
    with pytest.raises(RetrievalError, match=r"expected \(N, 8\)"):
        vector_index.search(np.ones(shape, np.float32), 1)


@pytest.mark.parametrize("shape", [(8,), (1, 3, 8)])
def test_vectors_of_another_shape_are_refused(stored, shape):
    with pytest.raises(RetrievalError, match=r"expected \(N, "):
        stored.build(np.ones(shape, np.float32), np.arange(1))


@pytest.mark.parametrize("factor", [0, 0.99, 1.01, np.nan, np.inf, -2])
def test_vectors_that_are_not_of_unit_length_are_refused(implementation, factor):
    wrong_ND = unit_vectors(5, 8)
    wrong_ND[3] *= np.float32(factor)
    with pytest.raises(RetrievalError, match=r"row 3\), expected unit length"):
        implementation.build(wrong_ND, np.arange(5))
    with pytest.raises(RetrievalError, match=r"row 3\), expected unit length"):
        implementation.build(unit_vectors(5, 8), np.arange(5)).search(wrong_ND, 1)


@pytest.mark.parametrize("ids", [[0, 1], [0, 1, 1], [0, 1, -1], [[0], [1], [2]]])
def test_ids_that_do_not_fit_are_refused(stored, ids):
    with pytest.raises(RetrievalError, match="expected 3 distinct ids"):
        stored.build(unit_vectors(3, 8), np.array(ids))


@pytest.mark.parametrize("k", [0, -1])
def test_less_than_one_neighbour_is_refused(implementation, k):
    with pytest.raises(RetrievalError, match=f"k = {k}"):
        implementation.build(unit_vectors(3, 8), np.arange(3)).search(unit_vectors(1, 8), k)


def test_other_ids_for_the_same_vectors(stored):
    vectors_ND = unit_vectors(30, 8)
    vector_index = stored.build(vectors_ND, np.arange(30))
    renamed = vector_index.with_ids(np.arange(30)[::-1])
    queries_QD = unit_vectors(4, 8, seed=1)
    expected = exact_search(vectors_ND, np.arange(30)[::-1], queries_QD, 10)[1]
    np.testing.assert_array_equal(renamed.search(queries_QD, 10)[1], expected)
    np.testing.assert_array_equal(vector_index.ids, np.arange(30))


@pytest.mark.parametrize("count", [0, 1, 200])
def test_written_vectors_are_read_back(stored, count, tmp_path, pack):
    ids_N = np.random.default_rng(0).permutation(1000)[:count]
    vector_index = stored.build(unit_vectors(count, 24), ids_N)
    record = write_vectors(tmp_path, "caption", vector_index)
    assert (record.channel, record.vectors, record.dimension) == ("caption", count, 24)
    assert (tmp_path / "vectors" / f"{record.sha256}.faiss").stat().st_size == record.bytes
    again = read_vectors(tmp_path, record, device="cpu")
    np.testing.assert_array_equal(again.ids, ids_N)
    queries_QD = unit_vectors(3, 24, seed=1)
    for found, expected in zip(again.search(queries_QD, 9), vector_index.search(queries_QD, 9), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert pack(again) == pack(vector_index)


def test_damaged_vectors_never_reach_the_reader(stored, tmp_path):
    record = write_vectors(tmp_path, "caption", stored.build(unit_vectors(5, 8), np.arange(5)))
    path = tmp_path / "vectors" / f"{record.sha256}.faiss"
    data = path.read_bytes()
    for position in range(0, len(data), 11):
        damaged = bytearray(data)
        damaged[position] ^= 16
        path.write_bytes(damaged)
        with pytest.raises(IndexFormatError, match="is damaged"):
            read_vectors(tmp_path, record)
    path.unlink()
    with pytest.raises(IndexFormatError, match="found no"):
        read_vectors(tmp_path, record)
