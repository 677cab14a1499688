"""More rows than Milvus answers with at once come page by page, the same as in one."""

import numpy as np
import pytest

from retrieval.milvus import connection
from retrieval.milvus.address import MilvusAddress
from retrieval.milvus.connection import Connection
from retrieval.milvus.milvus_vectors import MilvusVectors, fill_vectors
from retrieval.milvus.pages import find_near_ties
from retrieval.milvus.row_keys import RowKeys

ROWS = 60


@pytest.fixture
def vectors(lite):
    """Sixty vectors, every third of them the same."""
    made_ND = np.random.default_rng(0).standard_normal((ROWS, 8)).astype(np.float32)
    made_ND[::3] = made_ND[0]
    made_ND /= np.linalg.norm(made_ND, axis=1, keepdims=True)
    milvus = Connection(MilvusAddress.parse(lite))
    fill_vectors(milvus, "vectors", 8, [(made_ND[:25], np.arange(25)), (made_ND[25:], np.arange(25, ROWS))])
    yield MilvusVectors(milvus, "vectors", 8, RowKeys(np.arange(ROWS), np.arange(ROWS)[::-1]))
    milvus.close()


@pytest.mark.parametrize("page", [1, 7, 30, 59, 60])
def test_pages_give_what_one_answer_gives(vectors, monkeypatch, page):
    query_1D = vectors.vectors(np.array([ROWS - 1]))
    allowed = np.arange(ROWS) % 5 != 0
    for k, mask in [(ROWS, None), (33, None), (ROWS, allowed)]:
        expected = vectors.search(query_1D, k, mask)
        with monkeypatch.context() as patch:
            patch.setattr(connection, "PAGE", page)
            found = vectors.search(query_1D, k, mask)
        np.testing.assert_array_equal(found[1], expected[1])
        # Milvus rounds anew with each page.
        np.testing.assert_allclose(found[0], expected[0], atol=1e-6)


def test_near_ties_are_neighbours_that_rounding_may_have_swapped():
    scores_W = np.array([0.9, 0.5, 0.5 - 1e-6, 0.5 - 1e-5, 0.1, 0.1], dtype=np.float32)
    assert find_near_ties(scores_W).tolist() == [False, True, True, False, True, True]
    assert find_near_ties(scores_W[:0]).tolist() == []
    assert find_near_ties(scores_W[:1]).tolist() == [False]
