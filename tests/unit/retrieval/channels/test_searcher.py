"""How queries come to a channel's vectors."""

import numpy as np

from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.searcher import VectorSearcher
from retrieval.text.queries import Queries


class Turned:
    """A matrix product, which rounds otherwise with other queries beside one."""

    def __init__(self, matrix_DE):
        self._matrix_DE = matrix_DE

    def encode_queries(self, queries):
        vectors_QE = queries.vectors_QD @ self._matrix_DE
        return vectors_QE / np.linalg.norm(vectors_QE, axis=1, keepdims=True)


def test_a_query_is_encoded_as_it_is_alone():
    rng = np.random.default_rng(0)
    vectors_QD = rng.standard_normal((8, 384), dtype=np.float32)
    queries = Queries(tuple("abcdefgh"), vectors_QD)
    turned = Turned(rng.standard_normal((384, 500), dtype=np.float32))
    index = FlatIndex.build(np.eye(500, dtype=np.float32), np.arange(500))
    together_QE = VectorSearcher(index, turned).encode(queries)
    alone = [Queries((text,), vectors_QD[row : row + 1]) for row, text in enumerate(queries.texts)]
    expected_QE = np.concatenate([turned.encode_queries(query) for query in alone])
    np.testing.assert_array_equal(together_QE, expected_QE)
    assert (turned.encode_queries(queries) != expected_QE).any()
