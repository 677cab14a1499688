"""Fixtures that several kinds of tests share: a small text encoder and a small index, both real.

Also the marks of tests that need something of the machine (`shared_data`, `gpu`): without it they skip.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.vector_index import StoredVectorIndex, write_vectors
from retrieval.store.manifest import Manifest, ModelRecord, commit_manifest
from retrieval.store.schema import PhotoRow, Status, StoredCaption, photo_schema
from retrieval.store.shards import write_shard
from retrieval.text.probes import make_probes
from retrieval.text.text_encoder import TextEncoder
from tests.people import PEOPLE

# How long an example takes, to make or to run, says more of the machine than of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Nothing is ever downloaded: a model that is not installed must fail at once, on every machine.
os.environ["HF_HUB_OFFLINE"] = "1"
# Nor does OpenVINO report its use, however a test imports it: its threads made all that came after slower.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
# As the command does: what is trained here is ten times slower otherwise, where anything else is running.
os.environ["GOMP_SPINCOUNT"] = "1000"

# Each of the processes that share the tests has a core of its own: threads of two would wait for one another.
if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("shared_data") and not SHARED_DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason=f"found no {SHARED_DATA}"))
        if item.get_closest_marker("gpu") and not _has_gpu():
            item.add_marker(pytest.mark.skip(reason="found no CUDA device"))


@pytest.fixture
def pack() -> Callable[[StoredVectorIndex], bytes]:
    """What a vector index writes, in one piece."""

    def pack(index: StoredVectorIndex) -> bytes:
        parts: list[bytes] = []
        index.write(parts.append)
        return b"".join(parts)

    return pack


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of ../shared/data; tests that take it carry the mark `shared_data`."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"found no {SHARED_DATA}")
    return SHARED_DATA


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="module")
def decoding_here() -> Iterator[None]:
    """`build_index` decodes in this process; patched apart from `monkeypatch`, which tests undo."""
    import indexer.build
    from tests.decode_here import decode_here

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexer.build, "decode_photos", decode_here)
        yield


class WordEncoder:
    """A text encoder without weights: the mean of one random direction per word."""

    def __init__(self, seed: str = "words", dimension: int = 48) -> None:
        self.name = seed
        self.weights_sha256 = hashlib.sha256(seed.encode()).hexdigest()
        self.dimension = dimension

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors_ND = np.zeros((len(texts), self.dimension))
        for row, text in enumerate(texts):
            for word in text.lower().split() or [""]:
                digest = hashlib.sha256(f"{self.name} {word}".encode()).digest()
                rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
                vectors_ND[row] += rng.standard_normal(self.dimension)
        lengths_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
        return (vectors_ND / np.maximum(lengths_N1, 1e-12)).astype(np.float32)


@pytest.fixture(scope="session")
def word_encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def other_word_encoder() -> WordEncoder:
    return WordEncoder("other words")


def write_index(
    index: Path,
    photos: Mapping[bytes, str],
    text_encoder: TextEncoder,
    generation: int = 1,
    shard_rows: int = 3,
) -> dict[bytes, str]:
    """Commit an index of these photos (path → caption) in shards of a few rows; returns their image_ids."""
    image_ids = {path: hashlib.sha256(path).hexdigest() for path in photos}
    vectors_ND = text_encoder.encode(list(photos.values()))
    rows = [
        PhotoRow(
            image_ids[path], (path,), Status.INDEXED, captions=(StoredCaption(text),), caption_vector=vector
        )
        for (path, text), vector in zip(photos.items(), vectors_ND, strict=True)
    ]
    schema = photo_schema(text_encoder.dimension)
    shards = [
        write_shard(index, rows[start : start + shard_rows], schema)
        for start in range(0, len(rows), shard_rows)
    ]
    vectors = write_vectors(index, "caption", FlatIndex.build(vectors_ND, np.arange(len(rows))))
    commit_manifest(
        index,
        Manifest(
            generation=generation,
            captioner=PEOPLE,
            text_encoder=ModelRecord(text_encoder.name, text_encoder.weights_sha256),
            caption_dimension=text_encoder.dimension,
            photos=len(rows),
            shards=tuple(shards),
            vectors=(vectors,),
            probes=make_probes(text_encoder),
            created="2026-11-23T12:00:00+00:00",
            written_by="a test",
        ),
    )
    return image_ids


@pytest.fixture(scope="session")
def make_index() -> Callable[..., dict[bytes, str]]:
    """`write_index`."""
    return write_index


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[str]:
    """Where a Milvus Lite of its own lies for a test; it is made by whoever connects first."""
    pytest.importorskip("pymilvus", reason="found no pymilvus")
    server_manager = pytest.importorskip("milvus_lite.server_manager", reason="found no milvus-lite")
    path = str(tmp_path / "photos.db")
    yield path
    server_manager.server_manager_instance.release_server(path)
