"""What it costs that no photo can be lost, in seconds: `make fault` measures it at its full size."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import indexer.updating.index_writer
from indexer.build import build_index
from indexer.config import IndexConfig
from indexer.models import Models
from indexer.updating.unchanged import hash_models
from retrieval.generations.commit import commit_next
from retrieval.generations.derived import build_derived
from retrieval.generations.inventory import list_files
from retrieval.search.engine import SearchEngine
from retrieval.store.files import hash_file
from retrieval.store.manifest import Manifest, ModelRecord
from retrieval.store.schema import PhotoRow, Status, StoredAttention, StoredCaption, photo_schema
from retrieval.store.shards import write_shard
from retrieval.text.encoder_weights import find_encoder, hash_weights
from retrieval.text.probes import make_probes
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER
from tests.people import PEOPLE

DIMENSION = 384


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def test_indexing_unchanged_photos_again(
    library: Any, full: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    count = 10_000 if full else 300
    for number in range(count):
        path = library.photos / f"{number:05}.png"
        Image.new("RGB", (8, 8), (number // 250, number % 250, 9)).save(path)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    # As if the shipped models had made it.
    made_with = hash_models(IndexConfig(image_head="none", tagger="none"))
    assert made_with is not None
    library.captioner.weights_sha256 = made_with
    library.text_encoder.name = DEFAULT_TEXT_ENCODER
    library.text_encoder.weights_sha256 = hash_weights(find_encoder(DEFAULT_TEXT_ENCODER)[0])
    library.build(workers=2)
    config = library.index.with_name("index.toml")
    config.write_text('image_head = "none"\ntagger = "none"\n')
    started = time.monotonic()
    retrieve = Path(sys.executable).with_name("retrieve")
    command = [retrieve, "index", library.photos, "--index", library.index, "--config", config]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.monotonic() - started
    assert done.stdout.startswith(f"0 new, {count} unchanged, 0 updated, 0 removed, 0 failed; ")
    say(
        capsys,
        f"`retrieve index` over {count} unchanged photos: {seconds:.2f} s, asked: under 5 s for 10,000",
    )
    assert seconds < 5


def make_rows(start: int, count: int, rng: np.random.Generator) -> list[PhotoRow]:
    vectors_ND = rng.standard_normal((count, DIMENSION)).astype(np.float32)
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    words = tuple("a man in a red shirt is standing on a rock".split())
    return [
        PhotoRow(
            f"{start + number:064x}",
            (f"/home/somebody/Pictures/2024/{start + number:08}.jpg".encode(),),
            Status.INDEXED,
            captions=(StoredCaption(f"{' '.join(words)} {number}", -3.0),),
            attention=StoredAttention(words, rng.integers(0, 255, (len(words), 9, 9), dtype=np.uint8)),
            caption_vector=vectors_ND[number],
        )
        for number in range(count)
    ]


def test_opening_a_large_index(
    tmp_path: Path, stubs: Any, full: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    count, step = (100_000 if full else 10_000), 2000
    text_encoder = stubs.HashEncoder()
    text_encoder.dimension = DIMENSION
    schema, rng = photo_schema(DIMENSION), np.random.default_rng(0)
    shards = [write_shard(tmp_path, make_rows(row, step, rng), schema) for row in range(0, count, step)]
    empty = Manifest(
        generation=0,
        captioner=PEOPLE,
        text_encoder=ModelRecord(text_encoder.name, text_encoder.weights_sha256),
        caption_dimension=DIMENSION,
        probes=make_probes(text_encoder),
        shards=tuple(shards),
    )
    started = time.monotonic()
    manifest = commit_next(tmp_path, build_derived(tmp_path, empty))
    derived = time.monotonic() - started
    started = time.monotonic()
    for file in list_files(tmp_path, manifest):
        hash_file(file.path)
    hashing = time.monotonic() - started
    started = time.monotonic()
    engine = SearchEngine.open(tmp_path, text_encoder, "cpu")
    seconds = time.monotonic() - started
    assert engine.photos == count
    say(
        capsys,
        f"opening {count} photos: {seconds:.2f} s, hashing {hashing:.2f} s, asked: under 1 s plus hashing "
        f"for 100,000; making all derived files: {derived:.2f} s",
    )
    assert seconds < 1 + 1.5 * hashing


def test_share_of_the_commits_in_a_run(
    library: Any, full: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from indexer.captioner import load_captioner
    from retrieval.text.text_encoder import load_text_encoder

    if not full:
        pytest.skip("measured by `make fault`")
    rng = np.random.default_rng(1)
    count, shard_rows = 600, 200
    for number in range(count):
        pixels = rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((640, 480)).save(library.photos / f"{number:05}.jpg")
    spent = 0.0

    def timed(name: str) -> None:
        function = getattr(indexer.updating.index_writer.IndexWriter, name)

        def run(self: Any) -> Any:
            nonlocal spent
            started = time.monotonic()
            try:
                return function(self)
            finally:
                spent += time.monotonic() - started

        monkeypatch.setattr(indexer.updating.index_writer.IndexWriter, name, run)

    for name in ("_write_pending", "_publish", "_keep"):
        timed(name)
    config = IndexConfig(shard_rows=shard_rows)
    models = Models(load_captioner(), load_text_encoder())
    report = build_index([library.photos], library.index, models, config)
    share = spent / report.seconds
    say(
        capsys,
        f"committing {count} photos by {shard_rows}: {100 * share:.2f} % of {report.seconds:.1f} s; "
        "asked: under 3 %",
    )
    assert share < 0.03
