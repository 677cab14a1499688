"""Small indexes of real photos, and the service over one, in this process."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from retrieval.channel import Channel
from retrieval.generations.derived import build_derived
from retrieval.search.calibration import Calibration, Logistic, write_calibration
from retrieval.search.live_engine import LiveEngine
from retrieval.search.reranking import Reranker, Seen
from retrieval.service.app import build_app
from retrieval.service.settings import ServiceSettings
from retrieval.store.manifest import Manifest, ModelRecord, commit_manifest, read_manifest
from retrieval.store.schema import PhotoRow, Status, StoredAttention, StoredCaption, photo_schema
from retrieval.store.shards import write_shard
from tests.people import PEOPLE

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
def rows(folder, word_encoder):
    """The photos' rows: attention for every word, capture times in order."""
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
    return rows


@pytest.fixture
def captioned_index(tmp_path, rows, word_encoder):
    """The photos' index, its vectors those of captions alone, without a calibration."""
    path = tmp_path / "index"
    shard = write_shard(path, rows, photo_schema(word_encoder.dimension))
    encoder = ModelRecord(word_encoder.name, word_encoder.weights_sha256)
    manifest = Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=encoder,
        caption_dimension=word_encoder.dimension,
        shards=(shard,),
    )
    commit_manifest(path, build_derived(path, manifest))
    return path


@pytest.fixture
def whole_index(tmp_path, rows, word_encoder, open_engine, monkeypatch):
    """The same with image vectors, by which the beach shows what the dog does, and a calibration.

    By the caption channel a photo is the likelier the nearer its caption; at 0.8 it is even.
    """
    vectors_ND = np.zeros((len(rows), 48), dtype=np.float32)
    angles_N = np.deg2rad([0, 90, 3, 60])
    vectors_ND[:, 0], vectors_ND[:, 1] = np.cos(angles_N), np.sin(angles_N)
    open_engine(rows, vectors_ND)
    captioner = ModelRecord("captioner", "a" * 64)
    manifest = replace(read_manifest(tmp_path / "index"), generation=2, captioner=captioner)
    commit_manifest(tmp_path / "index", manifest)
    curve = Logistic({Channel.CAPTION: 20.0}, -16.0)
    calibration = Calibration(captioner.sha256, word_encoder.weights_sha256, (curve,), 0.4, "nothing")
    (tmp_path / "calibrations").mkdir()
    write_calibration(tmp_path / "calibrations" / "one.json", calibration)
    monkeypatch.setattr("retrieval.search.calibration._SHIPPED", tmp_path / "calibrations")
    return tmp_path / "index"


@pytest.fixture
def index(captioned_index):
    """What is served."""
    return captioned_index


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
