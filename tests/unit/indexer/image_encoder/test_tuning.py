"""A CNN fine-tuned on a handful of photos: it changes what it may, and is found again."""

from pathlib import Path

import pytest
import torch

from indexer.image_encoder import load_image_encoder
from indexer.image_encoder.efficientnet_lite import load_efficientnet_lite
from indexer.image_encoder.training.config import ImageEncoderConfig
from indexer.image_encoder.training.train import train_image_encoder
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.errors import CheckpointError
from retrieval.progress import no_progress

CONFIG = ImageEncoderConfig.model_validate(
    {
        "image_encoder": "efficientnet-lite0",
        "first_block": 14,
        "views": 1,
        "precision": "float32",
        "heads": {"dimension": 16, "image_hidden": 8, "text_hidden": 8, "image_dropout": 0},
        "head_training": {"cycles": [4], "batch": 4, "negatives": 0, "average_decay": 0.5},
        "training": {"cycles": [6], "batch": 4, "negatives": 0, "average_decay": 0.5, "learning_rate": 1.0},
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


def test_only_layers_from_the_first_block_on_change(checkpoint: Path) -> None:
    tuned = load_image_encoder(str(checkpoint)).trunk.state_dict()
    original = load_efficientnet_lite("efficientnet-lite0").fold_batch_norms().state_dict()
    assert tuned.keys() == original.keys()
    changed = {
        name for name in tuned if not torch.allclose(tuned[name], original[name], atol=1e-3, rtol=1e-3)
    }
    assert changed
    assert all(name.startswith(("blocks.14.", "blocks.15.", "conv_head.")) for name in changed)
    assert not any("depthwise_conv" in name for name in changed)


def test_the_tuned_encoder_has_a_name_and_a_hash_of_its_own(checkpoint: Path) -> None:
    tuned, original = load_image_encoder(str(checkpoint)), load_image_encoder("efficientnet-lite0")
    assert tuned.name == "image-encoder"
    assert tuned.weights_sha256 != original.weights_sha256
    assert (tuned.grid, tuned.channels) == (original.grid, original.channels)


def test_a_captioner_is_no_image_encoder() -> None:
    from indexer.captioner.loading import _SHIPPED

    with pytest.raises(CheckpointError, match="holds no fine-tuned image encoder"):
        load_image_encoder(str(_SHIPPED))
