"""The whole evaluation over an index of several vector channels, with the real engine and its fusion."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import eval.dataset.preparation
import eval.run
from eval.config import EvalConfig
from eval.dataset.preparation import EvalRequest
from eval.run import evaluate
from indexer.updating.index_writer import IndexWriter
from retrieval.channels.vector_index import KINDS
from retrieval.search.reranking import IndexedPhoto, Reranker, Seen
from retrieval.store.manifest import Manifest, ModelRecord
from retrieval.store.schema import PhotoRow, Status, StoredCaption
from retrieval.text.probes import make_probes
from retrieval.text.text_encoder import TextEncoder
from retrieval.text.text_head import write_text_head
from tests.people import PEOPLE
from tests.text_head import make_text_head

CAPTIONS = {
    "dogs/1.jpg": "a brown dog jumps over a log",
    "cats/1.jpg": "a cat sleeps on a red sofa",
    "beach.jpg": "two children build a castle on the beach",
    "food.jpg": "a plate of pasta on a table",
    "rocket.jpg": "a rocket in the night sky",
}


@pytest.fixture
def request_of(
    tmp_path: Path, word_encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], EvalRequest]:
    """A dataset, and an index whose image vectors say the photos' first sentences."""
    monkeypatch.setenv("PATH", "/nowhere")  # No METEOR.
    monkeypatch.setattr(eval.dataset.preparation, "load_text_encoder", lambda name, device: word_encoder)
    (tmp_path / "images").mkdir()
    head = make_text_head(word_encoder, 20)
    empty = Manifest(
        generation=0,
        captioner=PEOPLE,
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        image_head=write_text_head(tmp_path / "index", head, "random", "ab" * 32),
        caption_dimension=word_encoder.dimension,
        probes=make_probes(word_encoder),
    )
    image_head = SimpleNamespace(dimension=head.dimension, leave=lambda index: empty.image_head)
    writer = IndexWriter(tmp_path / "index", empty, PEOPLE, 100, image_head)
    lines = []
    for name, caption in CAPTIONS.items():
        (tmp_path / "images" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "images" / name).write_bytes(name.encode())
        said = [f"{caption} indoors", f"this is {caption}"]
        lines.append(json.dumps({"image": name, "captions": said}) + "\n")
        row = PhotoRow(
            hashlib.sha256(name.encode()).hexdigest(),
            (os.fsencode(tmp_path / "images" / name),),
            Status.INDEXED,
            captions=(StoredCaption(caption),),
            caption_vector=word_encoder.encode([caption])[0],
            image_vector=head.project(word_encoder.encode(said[:1]))[0],
        )
        writer.add(row)
    writer.commit()
    (tmp_path / "captions.jsonl").write_text("".join(lines))
    return lambda out: EvalRequest(
        data=tmp_path,
        out=tmp_path / out,
        index=tmp_path / "index",
        config=EvalConfig.model_validate(
            {"permutations": 200, "ann": {"least_vectors": 5, "made_vectors": 2100}}
        ),
    )


def test_every_channel_and_the_fusion(tmp_path: Path, request_of: Callable[[str], EvalRequest]) -> None:
    report = evaluate(request_of("out")).report
    assert list(report.systems) == ["caption", "image", "lexical", "fused", "reciprocal_rank"]
    assert list(report.sentence_search) == ["caption", "image"]
    assert {each.first for each in report.comparisons} == set(report.systems)
    assert report.failures is not None
    assert report.failures.system == "fused"
    # Half of the queries are word for word what the image vectors say.
    assert report.systems["image"].measures["Recall@1"] >= 50
    assert report.ann is not None
    assert report.ann.index == {"caption": 100, "image": 100}
    assert list(report.ann.sets) == ["caption", "image", "made"]
    types = {name: {row.type for row in report.ann.rows if row.vectors == name} for name in report.ann.sets}
    assert types == {"caption": {"flat"}, "image": {"flat"}, "made": {*KINDS}}
    assert report.index.image_head == {"name": "random", "sha256": "ab" * 32}
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"run.caption.txt", "run.image.txt", "run.lexical.txt", "run.fused.txt", "report.html"} < files


def test_the_page_finds_photos_of_one_file_name_in_their_folders(
    tmp_path: Path, request_of: Callable[[str], EvalRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    monkeypatch.setattr(eval.run, "render_page", lambda _, __, photos, ___: found.update(photos) or "")
    evaluate(request_of("out"))
    assert found == {name: tmp_path / "images" / name for name in CAPTIONS}


def test_a_folder_whose_name_is_not_utf8_is_evaluated(
    tmp_path: Path, request_of: Callable[[str], EvalRequest]
) -> None:
    request, folder = request_of("out"), tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    for name in ("images", "captions.jsonl"):
        (tmp_path / name).rename(folder / name)
    done = evaluate(replace(request, data=folder, command=f"retrieve eval {folder}"))
    assert done.report.dataset == r"caf\xe9"
    assert done.info.command == rf"retrieve eval {tmp_path}/caf\xe9"


def test_two_runs_give_the_same_bytes(tmp_path: Path, request_of: Callable[[str], EvalRequest]) -> None:
    for out in ("first", "second"):
        evaluate(request_of(out))
    for name in ("report.json", "run.fused.txt", "qrels.txt"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_ranked_again_is_a_system_of_its_own(
    tmp_path: Path, request_of: Callable[[str], EvalRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Contrary:
        image_head_sha256 = None

        def look(self, sentence: str, photos: Sequence[IndexedPhoto], vectors: bool) -> Seen:
            names = [photo.paths[0].relative_to(tmp_path / "images").as_posix() for photo in photos]
            nats_N = [-500.0 * (CAPTIONS[name] in sentence) for name in names]
            return Seen(np.array(nats_N), None)

    monkeypatch.setattr(
        eval.dataset.preparation, "load_reranker", lambda config, device: Reranker(Contrary(), config)
    )
    request = request_of("out")
    plain = evaluate(request).report
    report = evaluate(replace(request, rerank=True)).report
    assert list(report.systems) == [*plain.systems, "reranked"]
    assert report.systems["reranked"].measures["Recall@1"] == 0
    assert report.systems["fused"] == plain.systems["fused"]
    assert report.systems["fused"].measures["Recall@1"] == 100
    assert {"fused", "reranked"} in [{each.first, each.second} for each in report.comparisons]
    assert report.failures == plain.failures
    assert "rerank" not in plain.config["search"]
    assert report.config["search"]["rerank"]["first"] == 50
    run = [line.split() for line in (tmp_path / "out" / "run.reranked.txt").read_text().splitlines()]
    last = {(query, photo) for query, _, photo, rank, *_ in run if rank == "5"}
    right = [line.split() for line in (tmp_path / "out" / "qrels.txt").read_text().splitlines()]
    assert last == {(query, photo) for query, _, photo, _ in right}
