"""Every implementation that takes part in these tests, Milvus among them by a Milvus Lite in a file."""

from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.layered_vectors import LayeredVectors
from retrieval.channels.lexical_index import LexicalIndex, pack_texts


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
def layered_vectors():
    """Builds `LayeredVectors` as `FlatIndex.build` builds its own: a fifth came later, and some are gone."""

    def build(vectors_ND: np.ndarray, ids_N: np.ndarray) -> LayeredVectors:
        first, gone = -(-4 * len(vectors_ND) // 5), len(vectors_ND) // 10
        base_ND = np.concatenate([vectors_ND[:first], vectors_ND[:gone]])
        numbers_N = np.concatenate([ids_N[:first], np.full(gone, -1)])
        order_N = np.random.default_rng(0).permutation(len(base_ND))
        base = FlatIndex.build(base_ND[order_N], np.arange(len(base_ND)))
        recent = FlatIndex.build(vectors_ND[first:], ids_N[first:])
        return LayeredVectors(base, numbers_N[order_N], recent, int(ids_N.max(initial=-1)) + 1)

    return SimpleNamespace(build=build)


@pytest.fixture(scope="session")
def packed_words():
    """Builds a `LexicalIndex` of texts that were packed together, under distinct ids."""

    def build(texts: Sequence[Sequence[str]], ids_N: np.ndarray) -> LexicalIndex:
        return LexicalIndex.from_bytes(pack_texts(texts, ids_N))

    return SimpleNamespace(build=build)


@pytest.fixture(scope="session")
def words_of_two_times():
    """Builds a `LexicalIndex` of which a fifth of the texts came after it was packed."""

    def build(texts: Sequence[Sequence[str]], ids_N: np.ndarray) -> LexicalIndex:
        first = -(-4 * len(texts) // 5)
        return LexicalIndex.from_bytes(pack_texts(texts[:first], ids_N[:first]), texts[first:], ids_N[first:])

    return SimpleNamespace(build=build)


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
    """Builds `MilvusWords` as `packed_words` builds its own, under keys that are not the ids."""
    from retrieval.milvus.milvus_words import MilvusWords, fill_words
    from retrieval.milvus.row_keys import RowKeys

    def build(texts: Sequence[Sequence[str]], ids_N: np.ndarray) -> MilvusWords:
        words, stems = f"words_{next(_NUMBERS)}", f"stems_{next(_NUMBERS)}"
        keys_N = np.arange(len(texts))[::-1] * 3 + 1
        fill_words(milvus, words, stems, lambda: zip(keys_N.tolist(), texts, strict=True))
        return MilvusWords(milvus, words, stems, RowKeys(keys_N, ids_N))

    return SimpleNamespace(build=build)
