"""The vectors of an index that is built are in memory once, on their way from the shards to their file."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retrieval.store.manifest import Manifest, ModelRecord, commit_manifest
from retrieval.store.schema import PhotoRow, Status, photo_schema
from retrieval.store.shards import write_shard
from retrieval.text.text_head import TextHead, write_text_head
from tests.people import PEOPLE

SHARDS, ROWS, DIMENSION = 40, 1000, 512
VECTORS_BYTES = 4 * SHARDS * ROWS * DIMENSION

# What libraries take, and all the rest of the shards, is no matter of the vectors.
RUN = """
import dataclasses, sys
from pathlib import Path
from retrieval.peak_memory import PeakMemory
from retrieval.generations.derived import build_derived
from retrieval.store.manifest import VectorsWish, read_manifest
from retrieval.store.shards import read_columns
index, memory = Path(sys.argv[1]), PeakMemory()
manifest = dataclasses.replace(read_manifest(index), vectors_wish=VectorsWish(sys.argv[2]))
build_derived(index, dataclasses.replace(manifest, shards=manifest.shards[:1]))
read_columns(index, manifest.shards, ["image_id"])
before = memory.bytes()
built = build_derived(index, manifest)
print(built.photos, memory.bytes() - before)
"""

# Else as much of what was freed counts as the allocators like to keep.
FREE_AT_ONCE = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_MMAP_THRESHOLD_": str(2**16)}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captions that a head leads to where they are searched, one of each shard without a vector."""
    index, random = tmp_path_factory.mktemp("memory"), np.random.default_rng(0)
    shards = []
    for shard in range(SHARDS):
        vectors_RD = random.standard_normal((ROWS, DIMENSION), dtype=np.float32)
        vectors_RD /= np.linalg.norm(vectors_RD, axis=1, keepdims=True)
        rows = [
            PhotoRow(f"{shard * ROWS + row:064}", (b"/a.jpg",), Status.INDEXED, caption_vector=vector_D)
            for row, vector_D in enumerate([*vectors_RD[1:], None])
        ]
        shards.append(write_shard(index, rows, photo_schema(DIMENSION, DIMENSION)))
    tensors = {
        "linear.weight": np.eye(DIMENSION),
        "expand.weight": np.zeros((4, DIMENSION)),
        "expand.bias": np.zeros(4),
        "project.weight": np.zeros((DIMENSION, 4)),
        "project.bias": np.zeros(DIMENSION),
    }
    manifest = Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=ModelRecord("none", "0" * 64),
        image_head=write_text_head(index, TextHead(tensors), "head", "0" * 64),
        caption_dimension=DIMENSION,
        shards=tuple(shards),
        probes=(),
    )
    commit_manifest(index, manifest)
    return index


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tells Linux's allocator what to keep")
@pytest.mark.parametrize("kind", ["flat", "ivf_pq"])
def test_vectors_are_in_memory_once(index: Path, kind: str) -> None:
    run = [sys.executable, "-c", RUN, index, kind]
    done = subprocess.run(
        run, env=os.environ | FREE_AT_ONCE, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    photos, taken = map(int, done.stdout.split())
    assert photos == SHARDS * ROWS
    # Lists are trained on a copy of more than a quarter of these vectors.
    assert 0.8 * VECTORS_BYTES < taken < 1.7 * VECTORS_BYTES
