"""The index of an evaluation: what is there is used, and what it was not made with is refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eval.config import EvalConfig
from eval.dataset.collection import Collection, CorpusPhoto
from eval.dataset.indexing import index_collection
from indexer.captioner.captioner import Caption
from indexer.config import IndexConfig, VectorsConfig
from indexer.models import Models
from retrieval.config import load_config
from retrieval.errors import RetrievalError
from retrieval.progress import no_progress
from retrieval.store.files import hash_file
from retrieval.store.manifest import read_manifest


def make_models(name: str, word_encoder: Any) -> Models:
    """Of a captioner whose whole wit is its name."""

    def caption(pixels_BSSC: np.ndarray) -> list[Caption]:
        return [Caption((name,), -1.0) for _ in pixels_BSSC]

    captioner: Any = SimpleNamespace(name=name, weights_sha256=name * 64, image_size=8, caption=caption)
    return Models(captioner, word_encoder)


def test_the_way_out_that_another_captioner_is_told_leads_out(
    tmp_path: Path, word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`retrieve eval` and `ablate` have no --recaption, but a config."""
    photo, config, index = tmp_path / "a.png", tmp_path / "eval.toml", tmp_path / "index"
    Image.new("RGB", (20, 20), "teal").save(photo)
    collection = Collection("one", "test", (CorpusPhoto(hash_file(photo), (photo.name,), (photo,), ()),), ())

    def evaluate(name: str, told: str) -> str:
        models = make_models(name, word_encoder)
        monkeypatch.setattr("indexer.models.load_models", lambda *_: models)
        config.write_text(f"[index]\nworkers = 1\n{told}\n")
        settings = load_config(EvalConfig, config).index
        index_collection(collection, index, settings, "cpu", no_progress)
        captioner = read_manifest(index).captioner
        assert captioner is not None
        return captioner.name

    assert evaluate("a", "") == "a"
    with pytest.raises(RetrievalError, match=r"`recaption = true` in the config of the index"):
        evaluate("b", "")
    assert evaluate("b", "recaption = true") == "b"


def test_vectors_are_indexed_as_the_report_says(
    tmp_path: Path, word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, index = tmp_path / "a.png", tmp_path / "index"
    Image.new("RGB", (20, 20), "teal").save(photo)
    collection = Collection("one", "test", (CorpusPhoto(hash_file(photo), (photo.name,), (photo,), ()),), ())
    monkeypatch.setattr("indexer.models.load_models", lambda *_: make_models("a", word_encoder))
    for said in ({"vectors": VectorsConfig(kind="hnsw")}, {}):
        config = IndexConfig(workers=1, **said)
        index_collection(collection, index, config, "cpu", no_progress)
        assert read_manifest(index).vectors_wish == config.vectors.to_wish()
