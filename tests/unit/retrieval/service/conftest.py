"""A small index of real photos, and the service over it, in this process."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from retrieval.search.live_engine import LiveEngine
from retrieval.search.reranking import Reranker, Seen
from retrieval.service.app import build_app
from retrieval.service.settings import ServiceSettings
from retrieval.store.derived import build_derived
from retrieval.store.manifest import Manifest, ModelRecord, commit_manifest
from retrieval.store.schema import PhotoRow, Status, StoredAttention, StoredCaption, photo_schema
from retrieval.store.shards import write_shard

CAPTIONS = {
    "dog.jpg": "a dog jumps over a log",
    "cat.png": "a cat sleeps on a sofa",
    "beach.jpg": "two children play on the beach",
    "<img src=x onerror=alert(1)>.jpg": "<img src=x onerror=alert(1)> on a road",
}
# log p(any sentence | photo), by name of the file.
NATS = {"dog.jpg": -40.0, "cat.png": -30.0, "beach.jpg": -1.0, "<img src=x onerror=alert(1)>.jpg": -50.0}
COLOURS = ("tomato", "teal", "gold", "navy")


class TableOfNats:
    """`NATS`, and no image vectors."""

    image_head_sha256 = None

    def look(self, sentence, photos, vectors):
        return Seen(np.array([NATS[photo.paths[0].name] for photo in photos]), None)


@pytest.fixture
def reranker():
    return Reranker(TableOfNats())


@pytest.fixture
def captions():
    """By name of the file, the oldest first."""
    return CAPTIONS


@pytest.fixture
def folder(tmp_path):
    """Where the photos lie; each has its own size, so that answers can be told apart."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, (name, colour) in enumerate(zip(CAPTIONS, COLOURS, strict=True)):
        Image.new("RGB", (600 + 10 * number, 400), colour).save(folder / name)
    return folder


@pytest.fixture
def index(tmp_path, folder, word_encoder):
    """The photos' index: one channel, attention for every word, capture times in order."""
    path = tmp_path / "index"
    rows = []
    for number, (name, text) in enumerate(CAPTIONS.items()):
        file, words = folder / name, tuple(text.split())
        attention_TRC = np.zeros((len(words), 3, 4), dtype=np.uint8)
        attention_TRC[:, 1, 2] = 255
        rows.append(
            PhotoRow(
                hashlib.sha256(file.read_bytes()).hexdigest(),
                (str(file).encode(),),
                Status.INDEXED,
                bytes=file.stat().st_size,
                width=600 + 10 * number,
                height=400,
                taken=datetime(2019 + number, 5, 17, 12, 30),
                camera="Canon EOS\x1b",
                captions=(StoredCaption(text),),
                attention=StoredAttention(words, attention_TRC),
                caption_vector=word_encoder.encode([text])[0],
            )
        )
    shard = write_shard(path, rows, photo_schema(word_encoder.dimension))
    encoder = ModelRecord(word_encoder.name, word_encoder.weights_sha256)
    manifest = Manifest(
        generation=1, text_encoder=encoder, caption_dimension=word_encoder.dimension, shards=(shard,)
    )
    commit_manifest(path, build_derived(path, manifest))
    return path


@pytest.fixture
def image_ids(folder):
    """By name of the file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture
def serve(index, word_encoder, reranker) -> Iterator[Callable[..., TestClient]]:
    """A client of the service with these settings."""

    def start(**settings: object) -> TestClient:
        live = LiveEngine(index, word_encoder)
        app = build_app(index, live, ServiceSettings(**settings), lambda: reranker)
        return TestClient(app, base_url="http://127.0.0.1:8642", follow_redirects=False)

    return start


@pytest.fixture
def client(serve):
    return serve()
