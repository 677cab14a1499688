"""FAISS's bytes: what packs an index leaves it as it was, and to whom it belonged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.channels.faiss_file import pack_index, unpack_index
from retrieval.channels.faiss_installation import import_faiss

STATUS = Path("/proc/self/status")


def pack(index: Any, ids_N: np.ndarray) -> bytes:
    parts: list[bytes] = []
    pack_index(index, ids_N, parts.append)
    return b"".join(parts)


def read_resident_bytes() -> int:
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc")
def test_what_was_packed_gives_its_memory_back() -> None:
    vectors_ND = np.random.default_rng(0).standard_normal((4000, 1024)).astype(np.float32)

    def pack_anew() -> None:
        flat = import_faiss().IndexFlatIP(vectors_ND.shape[1])
        flat.add(vectors_ND)
        pack(flat, np.arange(len(vectors_ND)))

    pack_anew()
    before = read_resident_bytes()
    for _ in range(8):
        pack_anew()
    assert read_resident_bytes() - before < 3 * vectors_ND.nbytes


def test_what_was_packed_or_read_can_be_packed_again() -> None:
    vectors_ND = np.eye(5, dtype=np.float32)
    flat = import_faiss().IndexFlatIP(5)
    flat.add(vectors_ND)
    ids_N = np.array([4, 8, 1, 0, 7])
    data = pack(flat, ids_N)
    assert pack(flat, ids_N) == data
    read, read_ids_N = unpack_index(data, "IndexFlatIP")
    assert pack(read, read_ids_N) == data
    np.testing.assert_array_equal(read.search(vectors_ND, 1)[1].ravel(), np.arange(5))


def test_a_full_disk_is_said_and_not_hidden_by_faiss() -> None:
    flat = import_faiss().IndexFlatIP(512)
    flat.add(np.random.default_rng(0).standard_normal((4000, 512)).astype(np.float32))
    written = []

    def write(data: bytes) -> None:
        if written:
            raise OSError(28, "No space left on device")
        written.append(data)

    with pytest.raises(OSError, match="No space left"):
        pack_index(flat, np.arange(4000), write)
    assert len(written) == 1
    assert len(pack(flat, np.arange(4000))) > flat.ntotal * 512 * 4
