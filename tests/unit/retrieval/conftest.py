"""Indexes of rows that a test makes up, with captions, images and words to be searched."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.generations.derived import build_derived
from retrieval.store.manifest import Manifest, ModelRecord, commit_manifest
from retrieval.store.schema import PhotoRow, Provenance, Status, StoredCaption, photo_schema
from retrieval.store.shards import write_shard
from retrieval.text.probes import make_probes
from retrieval.text.text_encoder import TextEncoder
from retrieval.text.text_head import TextHead, write_text_head
from tests.people import PEOPLE
from tests.unit_vectors import unit_vectors

IMAGE_DIMENSION = 48


def make_photo(name: str, *captions: str, human: str = "", **columns: Any) -> PhotoRow:
    """A row without vectors; `name` is that of its file."""
    stored = [StoredCaption(human, None, Provenance.HUMAN)] if human else []
    return PhotoRow(
        image_id=hashlib.sha256(name.encode()).hexdigest(),
        paths=(f"/photos/{name}.jpg".encode(),),
        status=Status.INDEXED,
        captions=(*stored, *map(StoredCaption, captions)),
        **{"width": 400, "height": 300} | columns,
    )


def commit_rows(index: Path, rows: Sequence[PhotoRow], encoder: TextEncoder, images: np.ndarray) -> None:
    """Commit an index of these rows and image vectors (N, 48), in a few shards; NaN: no image vector."""
    # A head that changes nothing: captions are as near to a query as their sentences are.
    tensors = {
        "linear.weight": np.eye(IMAGE_DIMENSION, encoder.dimension),
        "expand.weight": np.zeros((4, encoder.dimension)),
        "expand.bias": np.zeros(4),
        "project.weight": np.zeros((IMAGE_DIMENSION, 4)),
        "project.bias": np.zeros(IMAGE_DIMENSION),
    }
    head = TextHead(tensors)
    texts = encoder.encode([row.captions[0].text for row in rows])
    complete = [
        dataclasses.replace(row, caption_vector=text, image_vector=None if np.isnan(image).any() else image)
        for row, text, image in zip(rows, texts, images, strict=True)
    ]
    schema = photo_schema(encoder.dimension, IMAGE_DIMENSION)
    size = max(3, len(rows) // 2)
    shards = [
        write_shard(index, complete[start : start + size], schema) for start in range(0, len(rows), size)
    ]
    manifest = Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=ModelRecord(encoder.name, encoder.weights_sha256),
        image_head=write_text_head(index, head, "head", hashlib.sha256(b"head").hexdigest()),
        caption_dimension=encoder.dimension,
        shards=tuple(shards),
        probes=make_probes(encoder),
    )
    commit_manifest(index, build_derived(index, manifest))


@pytest.fixture
def unnoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process nobody was told yet that there is no GPU."""
    monkeypatch.setattr("retrieval.device._noted", set())


@pytest.fixture
def photo() -> Callable[..., PhotoRow]:
    """`make_photo`."""
    return make_photo


@pytest.fixture
def open_engine(tmp_path: Path, word_encoder: TextEncoder) -> Callable[..., Any]:
    """Commits rows and opens their engine; without image vectors those of the photos are far apart."""
    from retrieval import SearchEngine

    def make(rows: Sequence[PhotoRow], images: np.ndarray | None = None) -> SearchEngine:
        images = unit_vectors(len(rows), IMAGE_DIMENSION, seed=1) if images is None else images
        commit_rows(tmp_path / "index", rows, word_encoder, images)
        return SearchEngine.open(tmp_path / "index", word_encoder)

    return make
