"""Another process that queries all the time while generations come and go."""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from retrieval.generations.commit import commit_next
from retrieval.generations.derived import build_derived
from retrieval.search.live_engine import LiveEngine
from retrieval.store.manifest import Manifest, ModelRecord, manifest_path, read_manifest
from retrieval.store.schema import PhotoRow, Status, StoredCaption, photo_schema
from retrieval.store.shards import write_shard
from retrieval.text.probes import make_probes
from tests.people import PEOPLE

SWAPS = 100
PHOTOS = 20


def commit_generation(index: Path, manifest: Manifest, text_encoder: Any) -> Manifest:
    """The next generation: as many photos, each with a caption that says the generation's number."""
    texts = [f"photo {number} of {manifest.generation + 1}" for number in range(PHOTOS)]
    rows = [
        PhotoRow(
            f"{number:064d}",
            (f"/photos/{number}.jpg".encode(),),
            Status.INDEXED,
            captions=(StoredCaption(text),),
            caption_vector=vector,
        )
        for number, (text, vector) in enumerate(zip(texts, text_encoder.encode(texts), strict=True))
    ]
    shard = write_shard(index, rows, photo_schema(text_encoder.dimension))
    return commit_next(index, build_derived(index, dataclasses.replace(manifest, shards=(shard,))))


@pytest.fixture
def first(tmp_path: Path, stubs: Any) -> Manifest:
    text_encoder = stubs.HashEncoder()
    empty = Manifest(
        generation=0,
        captioner=PEOPLE,
        text_encoder=ModelRecord(text_encoder.name, text_encoder.weights_sha256),
        caption_dimension=text_encoder.dimension,
        probes=make_probes(text_encoder),
    )
    return commit_generation(tmp_path, empty, text_encoder)


def test_a_hundred_swaps_under_queries_give_no_error_and_no_mixture(
    tmp_path: Path, stubs: Any, first: Manifest
) -> None:
    command = [sys.executable, Path(__file__).with_name("read_index.py"), tmp_path]
    manifest, text_encoder = first, stubs.HashEncoder()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for number in range(SWAPS):
            manifest = commit_generation(tmp_path, manifest, text_encoder)
            # Bursts that no reader keeps up with, and pauses in which it does.
            time.sleep(0.03 if number % 3 == 0 else 0.0)
        out, _ = reader.communicate(timeout=60)
    told = json.loads(out)
    assert (told["errors"], told["mixed"]) == ([], 0)
    assert told["seen"][-1] == SWAPS + 1
    assert len(told["seen"]) > 20
    assert told["answered"] > SWAPS


def test_a_live_engine_moves_on_and_survives_a_damaged_generation(
    tmp_path: Path, stubs: Any, first: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveEngine(tmp_path, stubs.HashEncoder(), "cpu")
    opened = live.engine
    assert live.engine is opened
    second = commit_generation(tmp_path, first, stubs.HashEncoder())
    assert live.engine.generation == 2
    assert opened.generation == 1
    assert opened.search("a dog", k=1)[0].caption.endswith(" of 1")
    commit_generation(tmp_path, second, stubs.HashEncoder())
    path = manifest_path(tmp_path, 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert live.engine.generation == 2
    assert "generation 2 goes on answering: " in caplog.text
    path.write_bytes(whole)
    commit_generation(tmp_path, read_manifest(tmp_path), stubs.HashEncoder())
    assert live.engine.generation == 4
