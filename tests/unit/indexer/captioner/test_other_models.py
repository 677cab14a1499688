"""Models of the transformers library: a backbone as image encoder and an image-to-text model as captioner."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.captioner import load_captioner
from indexer.image_encoder import load_image_encoder
from retrieval.errors import CheckpointError
from tests.small_gpu import count_pixels, hold_at_most

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import ResNetBackbone, ResNetConfig

    folder = tmp_path_factory.mktemp("models") / "tiny-resnet"
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic")
    ResNetBackbone(config).save_pretrained(folder)
    pixels = {"image_mean": MEAN, "image_std": STD, "size": {"shortest_edge": 64}}
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


@torch.inference_mode()
def test_a_backbone_gives_annotations(resnet: Path) -> None:
    from transformers import ResNetBackbone

    encoder = load_image_encoder(str(resnet))
    a_BLD = encoder(torch.from_numpy(PIXELS))
    x = ((torch.from_numpy(PIXELS) / 255 - torch.tensor(MEAN)) / torch.tensor(STD)).permute(0, 3, 1, 2)
    expected = ResNetBackbone.from_pretrained(resnet).eval()(x).feature_maps[-1]
    assert encoder.grid == tuple(expected.shape[2:])
    torch.testing.assert_close(a_BLD, expected.flatten(2).transpose(1, 2), rtol=1e-4, atol=1e-5)


def test_an_older_processor_gives_its_size_as_a_number(resnet: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(resnet, older)
    (older / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": MEAN, "image_std": STD, "size": 96})
    )
    assert load_image_encoder(str(older)).image_size == 96


def test_two_loads_of_a_backbone_have_one_hash(resnet: Path) -> None:
    assert load_image_encoder(str(resnet)).weights_sha256 == load_image_encoder(str(resnet)).weights_sha256


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessor,
        BlipProcessor,
    )

    folder = tmp_path_factory.mktemp("models") / "tiny-blip"
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "a", "dog", "runs", "on", "grass"]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizer(str(folder / "vocab.txt"), additional_special_tokens=["[DEC]"])
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**size, "vocab_size": len(words), "bos_token_id": 5, "pad_token_id": 0, "sep_token_id": 3}
    vision = {**size, "image_size": 32, "patch_size": 16}
    torch.manual_seed(0)
    model = BlipForConditionalGeneration(
        BlipConfig(text_config={**text, "encoder_hidden_size": 16}, vision_config=vision, projection_dim=16)
    )
    model.save_pretrained(folder)
    BlipProcessor(BlipImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder


def test_an_image_to_text_model_is_a_captioner(blip: Path) -> None:
    captioner = load_captioner(str(blip))
    assert captioner.image_size == 32
    assert captioner.name == "tiny-blip"
    captions = captioner.caption(PIXELS[:, :32, :32].copy())
    assert len(captions) == 3
    for caption in captions:
        assert set(caption.words) <= {"a", "dog", "runs", "on", "grass"}
        assert caption.logprob <= 0
        assert caption.attention_TRC is None
    again = load_captioner(str(blip))
    assert [caption.words for caption in again.caption(PIXELS[:, :32, :32].copy())] == [
        c.words for c in captions
    ]
    assert again.weights_sha256 == captioner.weights_sha256


def test_photos_that_are_too_much_for_a_gpu_are_captioned_in_halves(
    blip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioner = load_captioner(str(blip))
    together, generate = captioner.caption(PIXELS), captioner._model.generate
    monkeypatch.setattr(captioner._model, "generate", hold_at_most(1, generate, count_pixels))
    assert [c.words for c in captioner.caption(PIXELS)] == [c.words for c in together]


def test_captions_of_another_beam_width_are_another_captioners(blip: Path) -> None:
    own, three, four = (load_captioner(str(blip), beam_width=width) for width in (0, 3, 4))
    assert own.weights_sha256 == three.weights_sha256
    assert four.weights_sha256 != three.weights_sha256


def test_no_such_captioner_names_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected `default`"):
        load_captioner(str(tmp_path / "nothing"))
