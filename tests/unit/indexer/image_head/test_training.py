"""Both heads trained on real annotations of a handful of photos; the query's side in NumPy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from indexer.image_head.checkpoint import read_heads
from indexer.image_head.config import ImageHeadConfig
from indexer.image_head.training.task import search_validation
from indexer.image_head.training.train import train_image_head
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.errors import CheckpointError
from retrieval.progress import no_progress
from retrieval.text.text_encoder import load_text_encoder
from retrieval.text.text_head import TextHead

CONFIG = ImageHeadConfig.model_validate(
    {
        "image_encoder": "efficientnet-lite0",
        "views": 2,
        "runs": 2,
        "precision": "float32",
        "heads": {"dimension": 32, "image_hidden": 16, "text_hidden": 24},
        "training": {"cycles": [20], "batch": 4, "negatives": 8, "average_decay": 0.5, "patience": 1000},
    }
)


@pytest.fixture(scope="module")
def checkpoint(dataset: CaptionedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("image-head")
    return train_image_head(dataset, CONFIG, out / "run", out / "cache", no_progress)


def test_it_learns_which_sentence_belongs_to_which_photo(checkpoint: Path, dataset: CaptionedDataset) -> None:
    heads, _, header = read_heads(checkpoint)
    assert header.figures["Recall@1"] == 100.0
    assert heads.image.pool(torch.zeros(1, 49, 1280)).shape == (1, 2560)
    card = checkpoint.with_suffix(".md").read_text()
    for part in ("4 photos, 4 captions", "mean of several runs", "which its hubs are measured with"):
        assert part in card


def test_each_run_leaves_its_log_and_the_runs_differ(checkpoint: Path) -> None:
    logs = [(checkpoint.parent / f"run-{number}" / "log.jsonl").read_text() for number in (1, 2)]
    assert all(len(log.splitlines()) == 20 for log in logs)
    assert logs[0] != logs[1]


@torch.inference_mode()
def test_a_query_goes_through_the_same_head_without_torch(checkpoint: Path) -> None:
    heads, text, _ = read_heads(checkpoint)
    sentences_NT = load_text_encoder().encode(["a cat", "a rocket at night", "coffee"])
    expected_NE = heads.embed_sentences(torch.from_numpy(sentences_NT)).numpy()
    head = TextHead(text)
    assert head.dimension == 33
    np.testing.assert_allclose(head.project(sentences_NT), expected_NE, atol=1e-5)
    again = TextHead(load(head.to_bytes()))
    np.testing.assert_allclose(again.project(sentences_NT), expected_NE, atol=1e-3)


@torch.inference_mode()
def test_photos_that_are_like_the_bank_on_average_are_marked_neither_up_nor_down(checkpoint: Path) -> None:
    heads, _, header = read_heads(checkpoint)
    assert (header.bank, header.config.hubs.captions) == (4, 4000)
    pooled_BP = torch.rand(6, 2560, generator=torch.Generator().manual_seed(0))
    heads.settle_hubs(pooled_BP)
    photos_BE = heads.embed_photos(pooled_BP)
    assert photos_BE.shape == (6, 33)
    assert abs(float(photos_BE[:, -1].mean())) < 1e-6 < float(photos_BE[:, -1].abs().max())


def test_a_search_of_the_validation_photos_leaves_the_hubs_as_they_are(checkpoint: Path) -> None:
    heads, _, _ = read_heads(checkpoint)
    assert heads.hubs is not None
    before = heads.hubs.mean.clone()
    search_validation(heads, torch.rand(6, 2560), torch.rand(6, 2, 384))
    assert torch.equal(heads.hubs.mean, before)


def test_without_a_bank_nothing_is_marked_down(dataset: CaptionedDataset, tmp_path: Path) -> None:
    changes = {
        "runs": 1,
        "hubs": {"captions": 0},
        "training": {**CONFIG.training.model_dump(), "cycles": [1]},
    }
    config = ImageHeadConfig.model_validate(CONFIG.model_dump() | changes)
    path = train_image_head(dataset, config, tmp_path / "run", tmp_path / "cache", no_progress)
    heads, text, _ = read_heads(path)
    assert heads.hubs is None
    assert heads.embed_photos(torch.rand(1, 2560)).shape == (1, 32)
    assert TextHead(text).dimension == 32
    card = path.with_suffix(".md").read_text()
    assert "(InfoNCE, van den Oord et al. 2018).\n" in card
    assert "several runs" not in card
    assert "hubs" not in card


def test_what_is_not_an_image_head_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "other.safetensors"
    save_file(load_file(checkpoint), path)
    with pytest.raises(CheckpointError, match="holds no image head"):
        read_heads(path)
