"""Every implementation that takes part in these tests, Milvus among them by a Milvus Lite in a file."""

from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(scope="session")
def milvus(tmp_path_factory):
    """A connection to an empty Milvus Lite."""
    pytest.importorskip("pymilvus", reason="found no pymilvus")
    pytest.importorskip("milvus_lite", reason="found no milvus-lite")
    from retrieval.milvus.address import MilvusAddress
    from retrieval.milvus.connection import Connection

    connection = Connection(MilvusAddress.parse(str(tmp_path_factory.mktemp("milvus") / "contract.db")))
    yield connection
    connection.close()


_NUMBERS = count()


@pytest.fixture(scope="session")
def milvus_vectors(milvus):
    """Builds `MilvusVectors` as `FlatIndex.build` builds its own, under keys that are not the ids."""
    from retrieval.milvus.milvus_vectors import MilvusVectors, fill_vectors
    from retrieval.milvus.row_keys import RowKeys

    def build(vectors_ND: np.ndarray, ids_N: np.ndarray) -> MilvusVectors:
        name, keys_N = f"vectors_{next(_NUMBERS)}", np.arange(len(vectors_ND))[::-1] * 3 + 1
        dimension = vectors_ND.shape[1]
        fill_vectors(milvus, name, dimension, [(vectors_ND, keys_N)] if len(vectors_ND) else [])
        return MilvusVectors(milvus, name, dimension, RowKeys(keys_N, ids_N))

    return SimpleNamespace(build=build)


@pytest.fixture(scope="session")
def milvus_words(milvus):
    """Builds `MilvusWords` as `LexicalIndex.build` builds its own, under keys that are not the ids."""
    from retrieval.milvus.milvus_words import MilvusWords, fill_words
    from retrieval.milvus.row_keys import RowKeys

    def build(texts: Sequence[Sequence[str]], ids_N: np.ndarray) -> MilvusWords:
        words, stems = f"words_{next(_NUMBERS)}", f"stems_{next(_NUMBERS)}"
        keys_N = np.arange(len(texts))[::-1] * 3 + 1
        fill_words(milvus, words, stems, lambda: zip(keys_N.tolist(), texts, strict=True))
        return MilvusWords(milvus, words, stems, RowKeys(keys_N, ids_N))

    return SimpleNamespace(build=build)
