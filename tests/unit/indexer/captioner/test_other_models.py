"""Models of the transformers library: a backbone as image encoder and an image-to-text model as captioner."""

import io
import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

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


def keep_weights(folder: Path, wanted: Callable[[str], bool]) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if wanted(name)}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_backbone_whose_weights_are_not_whole_is_refused(resnet: Path, tmp_path: Path) -> None:
    shutil.copytree(resnet, tmp_path / "part")
    keep_weights(tmp_path / "part", lambda name: "stages.1" not in name)
    with pytest.raises(
        CheckpointError, match=r"\(found no encoder\.stages\.1\.\S+, 18 weights are missing\); built in: .*\Z"
    ):
        load_image_encoder(str(tmp_path / "part"))


@torch.inference_mode()
def test_a_backbone_in_half_precision_is_computed_in_float32(resnet: Path, tmp_path: Path) -> None:
    from transformers import ResNetBackbone

    half = tmp_path / "half"
    shutil.copytree(resnet, half)
    ResNetBackbone.from_pretrained(resnet, dtype=torch.float16).save_pretrained(half)
    found, expected = (load_image_encoder(str(each))(torch.from_numpy(PIXELS)) for each in (half, resnet))
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


def test_a_network_made_for_classes_is_a_backbone(resnet: Path, tmp_path: Path) -> None:
    """It has none of the norms that a ConvNeXt's or a Swin's maps go through as a backbone."""
    from transformers import ConvNextConfig, ConvNextForImageClassification

    torch.manual_seed(0)
    config = ConvNextConfig(hidden_sizes=[8] * 4, depths=[1] * 4)
    ConvNextForImageClassification(config).save_pretrained(tmp_path)
    shutil.copy(resnet / "preprocessor_config.json", tmp_path)
    first, again = (load_image_encoder(str(tmp_path)) for _ in range(2))
    assert first.weights_sha256 == again.weights_sha256
    assert first.grid == (2, 2)


def test_loading_a_model_prints_nothing(
    resnet: Path, blip: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    load_image_encoder(str(resnet))
    load_captioner(str(blip))
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were looked for, of which none is found."""
    hosts: list[str] = []

    def find_none(host: object, *_arguments: object, **_options: object) -> None:
        hosts.append(str(host))
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find_none)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    # The library also looks there, once in a process, for the names of programs that use it.
    monkeypatch.setattr("huggingface_hub.utils._detect_agent._get_registry", dict)
    return hosts


@pytest.mark.parametrize("load", [load_captioner, load_image_encoder])
def test_a_model_that_is_nowhere_is_refused_at_once_and_without_a_word(
    load: Callable[[str], Any],
    requests: list[str],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(CheckpointError, match=r"\(it is neither on this disk nor found on the model hub: "):
        load("no-such/model")
    assert requests == ["huggingface.co"]
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


def keep_in_cache(folder: Path, cache: Path, name: str) -> None:
    """As the hub's programs keep a model that they downloaded."""
    kept = cache / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, kept / "snapshots" / "1")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("1")


def test_a_model_in_the_cache_is_loaded_without_a_network(
    resnet: Path, blip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    keep_in_cache(resnet, tmp_path, "tiny/resnet")
    keep_in_cache(blip, tmp_path, "tiny/blip")
    assert load_image_encoder("tiny/resnet").weights_sha256 == load_image_encoder(str(resnet)).weights_sha256
    assert load_captioner("tiny/blip").weights_sha256 == load_captioner(str(blip)).weights_sha256
    assert requests == []


@pytest.mark.parametrize("load", [load_captioner, load_image_encoder])
def test_python_that_lies_beside_a_model_is_not_run(
    load: Callable[[str], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    classes = {
        "AutoConfig": "own.Config",
        "AutoModelForImageTextToText": "own.Model",
        "AutoBackbone": "own.Model",
    }
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": classes}))
    (tmp_path / "own.py").write_text("raise SystemExit('it was run')")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    with pytest.raises(CheckpointError, match=r"contains custom code") as refused:
        load(str(tmp_path))
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


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


def test_a_captioner_in_half_precision_is_computed_in_float32(blip: Path, tmp_path: Path) -> None:
    from transformers import BlipForConditionalGeneration

    captions, model = [], BlipForConditionalGeneration.from_pretrained(blip).half()
    for dtype in ("float16", "float32"):
        shutil.copytree(blip, tmp_path / dtype)
        model.to(getattr(torch, dtype)).save_pretrained(tmp_path / dtype)
        found = load_captioner(str(tmp_path / dtype)).caption(PIXELS[:, :32, :32])
        captions.append([(caption.words, caption.logprob) for caption in found])
    assert captions[0] == captions[1]


def test_a_captioner_whose_weights_are_not_whole_is_refused(blip: Path, tmp_path: Path) -> None:
    shutil.copytree(blip, tmp_path / "part")
    keep_weights(tmp_path / "part", lambda name: "crossattention" not in name)
    with pytest.raises(
        CheckpointError, match=r"\(found no text_decoder\.\S+, \d+ weights are missing\); .*\Z"
    ):
        load_captioner(str(tmp_path / "part"))


def save_llava(folder: Path) -> None:
    from transformers import (
        BertTokenizer,
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    (folder / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<image>", "a"])
    )
    tokenizer = BertTokenizer(str(folder / "vocab.txt"), additional_special_tokens=["<image>"])
    size = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    vision = CLIPVisionConfig(**size, num_hidden_layers=2, image_size=32, patch_size=16, projection_dim=16)
    ends = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    text = LlamaConfig(**size, **ends, vocab_size=7, num_hidden_layers=1, num_key_value_heads=2)
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=5)
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    square = {"height": 32, "width": 32}
    processor = CLIPImageProcessorPil(size=square, crop_size=square)
    LlavaProcessor(processor, tokenizer, patch_size=16).save_pretrained(folder)


def test_a_captioner_that_wants_a_prompt_is_refused(tmp_path: Path) -> None:
    save_llava(tmp_path)
    with pytest.raises(CheckpointError, match=r"\Ano captioner .* that captions a photo without a prompt\Z"):
        load_captioner(str(tmp_path))


def test_no_such_captioner_names_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected `default`"):
        load_captioner(str(tmp_path / "nothing"))
