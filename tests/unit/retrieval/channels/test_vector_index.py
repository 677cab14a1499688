import logging
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retrieval.channels.faiss_installation import import_faiss
from retrieval.channels.flat_index import FlatIndex, OnGpu
from retrieval.channels.vector_index import KINDS, read_vectors, vectors_path, write_vectors
from retrieval.errors import IndexFormatError, UsageError
from retrieval.store.files import hash_bytes
from retrieval.store.manifest import VectorsRecord


def has_gpu() -> bool:
    faiss = import_faiss()
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


@pytest.fixture
def vector_index():
    return FlatIndex.build(np.eye(6, dtype=np.float32), np.arange(6))


def write_raw(index, data: bytes, kind: str = "flat") -> VectorsRecord:
    record = VectorsRecord("caption", hash_bytes(data), len(data), kind, 6, 6)
    vectors_path(index, record).parent.mkdir()
    vectors_path(index, record).write_bytes(data)
    return record


def test_unknown_kind_is_refused(tmp_path, vector_index, pack):
    record = write_raw(tmp_path, pack(vector_index), kind="tree")
    with pytest.raises(IndexFormatError, match=r"kind 'tree', expected one of flat, ivf_sq8, ivf_pq, hnsw"):
        read_vectors(tmp_path, record)


@pytest.mark.parametrize("data", [b"", b"not an index", b"IxFI" + b"\0" * 40])
def test_what_is_no_faiss_index_is_refused(tmp_path, data):
    record = write_raw(tmp_path, data)
    with pytest.raises(IndexFormatError, match="index again"):
        read_vectors(tmp_path, record)


def test_another_metric_or_one_without_ids_is_refused(tmp_path):
    faiss = import_faiss()
    distances = faiss.IndexIDMap(faiss.IndexFlatL2(6))
    with pytest.raises(IndexFormatError, match="found a IndexFlatL2, expected an IndexFlatIP"):
        FlatIndex.from_bytes(faiss.serialize_index(distances).tobytes())
    with pytest.raises(IndexFormatError, match="no FAISS index with ids"):
        FlatIndex.from_bytes(faiss.serialize_index(faiss.IndexFlatIP(6)).tobytes())


def test_other_shape_than_the_manifest_says_is_refused(tmp_path, vector_index):
    record = write_vectors(tmp_path, "caption", vector_index)
    wrong = VectorsRecord("caption", record.sha256, record.bytes, "flat", 7, 6)
    with pytest.raises(IndexFormatError, match="holds 6 vectors of dimension 6, expected 7 of 6"):
        read_vectors(tmp_path, wrong)


def test_file_is_what_faiss_reads(tmp_path, vector_index):
    record = write_vectors(tmp_path, "caption", vector_index.with_ids(np.arange(6) * 10))
    opened = import_faiss().read_index(str(vectors_path(tmp_path, record)))
    scores, ids = opened.search(np.eye(6, dtype=np.float32)[2:3], 1)
    assert (scores.tolist(), ids.tolist()) == ([[1.0]], [[20]])


def test_unknown_device_is_refused(tmp_path, vector_index):
    record = write_vectors(tmp_path, "caption", vector_index)
    with pytest.raises(UsageError, match="device 'tpu', expected one of auto, cpu, cuda; name one of them"):
        read_vectors(tmp_path, record, device="tpu")


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
@pytest.mark.parametrize("kind", list(KINDS))
def test_without_a_gpu_one_notice_says_so_and_only_where_one_was_asked_for(tmp_path, kind, caplog, unnoted):
    built = KINDS[kind].build(np.eye(6, dtype=np.float32), np.arange(6))
    record = write_vectors(tmp_path, "caption", built)
    with caplog.at_level(logging.INFO):
        for device in ("auto", "cpu"):
            assert len(read_vectors(tmp_path, record, device)) == 6
        assert caplog.messages == []
        # A generation has an index for each channel, and a service opens one generation after the other.
        for _ in range(3):
            assert len(read_vectors(tmp_path, record, "cuda")) == 6
    (message,) = caplog.messages
    assert message.startswith("the vectors are searched on the CPU, not on a GPU as asked: ")


class OneAtATime:
    """In place of a FAISS index on a GPU, which must not be asked by two threads at once."""

    def __init__(self, flat):
        self.flat, self.busy, self.asked = flat, False, 0

    def search(self, queries_QD, k):
        assert not self.busy
        self.busy = True
        time.sleep(0.002)
        found = self.flat.search(queries_QD, k)
        self.asked, self.busy = self.asked + 1, False
        return found


def test_a_gpu_is_asked_by_one_thread_at_a_time(vector_index):
    flat = import_faiss().IndexFlatIP(6)
    flat.add(np.eye(6, dtype=np.float32))
    gpu = OneAtATime(flat)
    index = FlatIndex(flat, np.arange(6), OnGpu(gpu))
    other = index.with_ids(np.arange(6) + 10)
    queries_QD = np.eye(6, dtype=np.float32)

    def ask(number):
        _, ids_QK = (other if number % 2 else index).search(queries_QD[[number % 6]], 1)
        return int(ids_QK[0, 0])

    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(ask, range(40)))
    assert ids == [number % 6 + 10 * (number % 2) for number in range(40)]
    assert gpu.asked == 40


@pytest.mark.gpu
@pytest.mark.skipif(not has_gpu(), reason="needs a GPU build of FAISS and a GPU")
@pytest.mark.parametrize("k", [1, 10, 3000])
def test_gpu_gives_what_the_cpu_gives(k):
    vectors_ND = np.random.default_rng(0).standard_normal((5000, 64)).astype(np.float32)
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    flat = FlatIndex.build(vectors_ND[:4000], np.arange(4000))
    scores_QK, ids_QK = flat.search(vectors_ND[4000:], k)
    gpu_scores_QK, gpu_ids_QK = flat.on_gpu().search(vectors_ND[4000:], k)
    np.testing.assert_allclose(gpu_scores_QK, scores_QK, atol=1e-5)
    assert (gpu_ids_QK == ids_QK).mean() > 0.999


@pytest.mark.parametrize("share", [0.3, 1])
def test_who_asks_often_is_answered_the_same_from_a_copy(tmp_path, share, pack):
    random = np.random.default_rng(0)
    vectors_ND = random.standard_normal((4000, 96)).astype(np.float32)
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    vectors_ND[2000:2100] = vectors_ND[:100]
    built = FlatIndex.build(vectors_ND, random.permutation(4000))
    index = read_vectors(tmp_path, write_vectors(tmp_path, "caption", built), "cpu")
    allowed = random.random(4000) < share
    queries_QD = vectors_ND[:30]
    before = index.search(queries_QD, 10, allowed)
    # The last of these is asked of the copy.
    for _ in range(4):
        found = index.search(queries_QD, 10, allowed)
        for each, expected in zip(found, before, strict=True):
            np.testing.assert_array_equal(each, expected)
    np.testing.assert_array_equal(index.vectors(index.ids), vectors_ND)
    assert pack(index) == pack(built)
