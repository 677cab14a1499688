"""The n-gram encoder in the package: small, what its card says, and near what the text encoder says."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import indexer.ngram_encoder
from indexer.captioner import load_captioner
from indexer.config import IndexConfig
from indexer.model_paths import find_ngram_encoder
from indexer.ngram_encoder.checkpoint import read_ngram_encoder
from indexer.ngram_encoder.config import NgramEncoderConfig
from indexer.ngram_encoder.ngram_encoder import load_ngram_encoder
from indexer.ngram_encoder.training.train import train_ngram_encoder
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.command.main import run
from retrieval.errors import DatasetError
from retrieval.progress import no_progress
from retrieval.store.files import hash_file
from retrieval.text.text_encoder import load_text_encoder

WEIGHTS = Path(indexer.ngram_encoder.__file__).parent / "weights" / "flickr8k.safetensors"


def test_it_is_small_and_what_its_card_and_the_default_config_say() -> None:
    assert WEIGHTS.stat().st_size < 4e6
    _, header = read_ngram_encoder(WEIGHTS)
    assert header.config == NgramEncoderConfig()
    assert header.figures["known"] > 97
    assert header.figures["cosine"] > 97
    card = WEIGHTS.with_suffix(".md").read_text(encoding="utf-8")
    for part in ("retrieve train ngram-encoder", "Sent2Vec", "split `train`: 6,000 photos |"):
        assert part in card


def test_it_goes_with_the_default_captioner_and_text_encoder_alone() -> None:
    assert find_ngram_encoder(IndexConfig()) == WEIGHTS
    assert find_ngram_encoder(IndexConfig(captioner="other.safetensors")) is None
    assert find_ngram_encoder(IndexConfig(text_encoder="other")) is None
    assert find_ngram_encoder(IndexConfig(ngram_encoder="none")) is None
    assert find_ngram_encoder(IndexConfig(ngram_encoder="own.safetensors")) == Path("own.safetensors")


def test_it_learned_what_the_shipped_captioner_says() -> None:
    _, header = read_ngram_encoder(WEIGHTS)
    assert header.captioner_sha256 == load_captioner().weights_sha256


def test_what_it_knows_lies_near_what_the_text_encoder_says() -> None:
    text_encoder = load_text_encoder()
    ngram_encoder = load_ngram_encoder(WEIGHTS, text_encoder)
    sentences = [
        "a dog is running on the beach",
        "a man in a red shirt is riding a bike",
        "two children are playing in the water",
        "a group of people are standing in front of a building",
    ]
    assert all(map(ngram_encoder.knows, sentences))
    cosine_NN = ngram_encoder.encode(sentences) @ text_encoder.encode(sentences).T
    assert np.diagonal(cosine_NN).min() > 0.95
    # Nearer to what is said of its own sentence than to that of any other, by far.
    assert (cosine_NN - np.diag([9.0] * 4)).max() < 0.5
    # Words of its own in a shorter sentence than the captioner ever says, and a word that it never says.
    assert not ngram_encoder.knows("man")
    assert not ngram_encoder.knows("a mandrill is looking at the camera")


@pytest.fixture(scope="module")
def trained(dataset: CaptionedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = NgramEncoderConfig(views=1, precision="float32", ridge=1e-3)
    folder = tmp_path_factory.mktemp("trained")
    return train_ngram_encoder(dataset, config, folder / "run", folder / "cache", no_progress)


def test_it_is_trained_on_what_the_captioner_says_of_the_photos(trained: Path) -> None:
    _, header = read_ngram_encoder(trained)
    # The photos of both splits are the same, and it has learned by heart what is said of them.
    assert header.figures["known"] == 100
    assert header.figures["least cosine"] > 99
    card = trained.with_suffix(".md").read_text(encoding="utf-8")
    assert "known 100.0" in card
    assert "4 photos |" in card


def test_the_command_trains_the_same(
    dataset: CaptionedDataset, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").write_text('views = 1\nprecision = "float32"\nridge = 1e-3\n')
    given = ["--config", tmp_path / "config.toml", "--out", tmp_path / "run", "--cache", tmp_path / "cache"]
    assert run(["train", "ngram-encoder", *map(str, [dataset.sources[0].parent, *given])]) == 0
    path = tmp_path / "run" / "ngram-encoder.safetensors"
    assert capsys.readouterr().out.split() == [str(path), str(path.with_suffix(".md"))]
    assert hash_file(path) == hash_file(trained)


def test_without_photos_to_measure_on_nothing_is_written(dataset: CaptionedDataset, tmp_path: Path) -> None:
    alone = dataclasses.replace(dataset, photos=tuple(dataset.split("train")))
    with pytest.raises(DatasetError, match="val"):
        train_ngram_encoder(alone, NgramEncoderConfig(), tmp_path / "run", tmp_path / "cache", no_progress)
    assert not (tmp_path / "run").exists()
