import json
import logging
import random
import shutil
import string
import struct
import sys

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

import retrieval.text
from retrieval.captioned_dataset import read_captioned_dataset
from retrieval.errors import CheckpointError
from retrieval.graph_session import OnnxSession
from retrieval.runtime import Runtime, is_installed
from retrieval.text.bert_model import read_bert
from retrieval.text.encoder_weights import find_encoder, hash_weights
from retrieval.text.onnx_encoder import OnnxEncoder, open_onnx_encoder, speed_up
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER, SentenceEncoder, load_text_encoder

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a dog cat runs jumps over the log . , !".split()
ODD = [
    "",
    " ",
    "\t\n",
    "?!",
    "A DOG JUMPING OVER A LOG",
    "🐕 🪵",
    "ein Straßencafé am Abend 🌃",
    "猫が寝ている",
    "Ångström naïve façade",
    "don't, can't: it's 1967 (or 3.14%)",
    "\udcff\udcfe no UTF-8",
    "a\x00b\x07c",
    "[CLS] [MASK] [PAD]",
    "pneumonoultramicroscopicsilicovolcanoconiosis" * 9,
    "dog " * 1000,
    "the quick brown fox jumps over the lazy dog . " * 100,
]


def make_sentences(count: int) -> list[str]:
    chooser = random.Random(0)
    words = "a the two dog children man woman red snow beach runs jumps near over street guitar".split()
    letters = ["".join(chooser.choices(string.ascii_letters + string.digits, k=5)) for _ in range(50)]
    return [" ".join(chooser.choices(words + letters, k=chooser.randint(1, 60))) for _ in range(count)]


@pytest.fixture(scope="module")
def default():
    """The default encoder in ONNX Runtime and in torch."""
    folder, name = find_encoder(DEFAULT_TEXT_ENCODER)
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return load_text_encoder(), SentenceEncoder(model, name, hash_weights(folder))


def least_cosine(default, sentences) -> float:
    light, original = default
    return float((light.encode(sentences) * original.encode(sentences)).sum(axis=1).min())


def test_vectors_are_the_original_ones(default):
    assert least_cosine(default, ODD + make_sentences(40)) > 0.99999


@pytest.mark.shared_data
def test_vectors_of_a_thousand_captions_are_the_original_ones(default, shared_data):
    photos = read_captioned_dataset(shared_data / "flickr8k").photos
    captions = [caption for photo in photos for caption in photo.captions]
    assert least_cosine(default, random.Random(0).sample(captions, 1000)) > 0.99999


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A function that saves a small random model: BERT's hyper-parameters, pooling, the modules after it."""

    def save(*after, pooling="mean", half=False, **hyper):
        folder = tmp_path_factory.mktemp("encoder")
        (folder / "vocab.txt").write_text("\n".join(WORDS))
        BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder / "bert")
        torch.manual_seed(0)
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24}
        config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, **(sizes | hyper))
        bert = BertModel(config)
        # Biases begin as zeros, which would hide that one is left out.
        for parameter in bert.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        (bert.half() if half else bert).save_pretrained(folder / "bert")
        modules = [Transformer(str(folder / "bert"), max_seq_length=32), Pooling(16, pooling_mode=pooling)]
        SentenceTransformer(modules=[*modules, *after], device="cpu").save(str(folder / "model"))
        return folder / "model"

    return save


TEXTS = ["a dog jumps over the log", "a cat", "", "the dog runs . " * 50]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_every_weight_counts_as_in_the_original(tiny, pooling):
    folder = tiny(pooling=pooling)
    light = open_onnx_encoder(folder, "tiny", "0" * 64)
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(light.encode(TEXTS), expected, atol=1e-5)


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def cut_weights(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])


def lengthen_header(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(struct.pack("<Q", 2**60) + weights.read_bytes()[8:])


def replace_tokenizer(folder, old, new):
    text = (folder / "tokenizer.json").read_text()
    assert old in text
    (folder / "tokenizer.json").write_text(text.replace(old, new))


# What is changed in the folder of a plain BERT; all of it makes another model, or a damaged one.
CHANGES = {
    "another activation": lambda folder: change(folder / "config.json", hidden_act="relu"),
    "relative positions": lambda folder: change(
        folder / "config.json", position_embedding_type="relative_key"
    ),
    "another architecture": lambda folder: change(folder / "config.json", model_type="roberta"),
    "heads that do not fit": lambda folder: change(folder / "config.json", num_attention_heads=3),
    "more layers than weights": lambda folder: change(folder / "config.json", num_hidden_layers=3),
    "quantised": lambda folder: change(folder / "config.json", quantization_config={"bits": 4}),
    "another pooling": lambda folder: change(folder / "1_Pooling/config.json", pooling_mode="max"),
    "a prompt": lambda folder: change(
        folder / "config_sentence_transformers.json", default_prompt_name="query"
    ),
    "lowered first": lambda folder: change(folder / "sentence_bert_config.json", do_lower_case=True),
    "a cased tokenizer": lambda folder: change(folder / "tokenizer_config.json", do_lower_case=False),
    "another tokenizer": lambda folder: change(
        folder / "tokenizer_config.json", tokenizer_class="XLMRobertaTokenizer"
    ),
    "more words than vectors": lambda folder: replace_tokenizer(
        folder, '"vocab": {', '"vocab": {"extra": 16, '
    ),
    "a broken tokenizer": lambda folder: replace_tokenizer(folder, '"version"', '"nothing"'),
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "JSON that is none": lambda folder: (folder / "config.json").write_text("{"),
    "a list for a table": lambda folder: (folder / "modules.json").write_text("[[]]"),
    "weights cut short": cut_weights,
    "weights that are none": lengthen_header,
}


@pytest.mark.parametrize("name", CHANGES)
def test_anything_but_a_plain_bert_is_left_to_the_library(tiny, tmp_path, name):
    folder = tmp_path / "model"
    shutil.copytree(tiny(), folder)
    assert open_onnx_encoder(folder, "tiny", "") is not None
    CHANGES[name](folder)
    assert open_onnx_encoder(folder, "tiny", "") is None


def test_a_further_module_is_left_to_the_library(tiny):
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    assert open_onnx_encoder(tiny(Normalize()), "tiny", "") is not None
    assert open_onnx_encoder(tiny(Dense(16, 8)), "tiny", "") is None
    assert load_text_encoder(str(tiny(Dense(16, 8)))).encode(TEXTS).shape == (4, 8)


def test_half_precision_is_left_to_the_library(tiny):
    folder = tiny(half=True)
    with pytest.raises(ValueError, match="expected F32"):
        read_bert(folder)
    assert isinstance(load_text_encoder(str(folder)), SentenceEncoder)


def test_damaged_weights_are_refused_in_one_line(tiny):
    folder = tiny()
    lengthen_header(folder)
    with pytest.raises(CheckpointError, match="is not a sentence-transformers model") as caught:
        load_text_encoder(str(folder))
    assert "\n" not in str(caught.value)


def test_older_models_name_their_pooling_by_flags(tiny):
    folder = tiny()
    flags = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling/config.json").write_text(json.dumps({"word_embedding_dimension": 16, **flags}))
    assert read_bert(folder).pooling == "cls"
    change(folder / "1_Pooling/config.json", pooling_mode_mean_tokens=True)
    assert open_onnx_encoder(folder, "tiny", "") is None


def test_weights_are_read_where_they_lie_even_through_a_link(tiny, tmp_path):
    folder = tiny()
    blob = tmp_path / "blob"
    (folder / "model.safetensors").rename(blob)
    (folder / "model.safetensors").symlink_to(blob)
    assert open_onnx_encoder(folder, "tiny", "").encode(TEXTS).shape == (4, 16)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "tokenizers"])
def test_without_its_runtime_torch_does_it_and_says_so(tiny, monkeypatch, caplog, package):
    folder = str(tiny())
    expected = load_text_encoder(folder).encode(TEXTS)
    for module in ("onnx_encoder", "bert_graph"):
        # Both are put back: an import anew is kept in the package, too.
        monkeypatch.delitem(sys.modules, f"retrieval.text.{module}")
        monkeypatch.delattr(retrieval.text, module)
    monkeypatch.setitem(sys.modules, package, None)
    with caplog.at_level(logging.WARNING):
        try:
            encoder = load_text_encoder(folder)
        except CheckpointError:
            assert package == "tokenizers"  # which transformers needs as well
        else:
            np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"found no package '{package}', so the text encoder runs in torch" in caplog.text


def install(folder, monkeypatch, body):
    """An onnxruntime of this body is what is imported from now on."""
    (folder / "onnxruntime.py").write_text(body)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "onnxruntime")


def test_a_broken_runtime_is_said_and_torch_does_it(tiny, tmp_path, monkeypatch, caplog):
    folder = str(tiny())
    expected = load_text_encoder(folder).encode(TEXTS)
    install(tmp_path, monkeypatch, "raise ImportError('libonnxruntime.so.1: cannot open')")
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(load_text_encoder(folder).encode(TEXTS), expected, atol=1e-5)
    assert caplog.messages == [
        "cannot load ONNX Runtime (libonnxruntime.so.1: cannot open), so the text encoder runs in torch, "
        "which starts slowly; install it again"
    ]


def test_an_interrupt_while_the_runtime_is_loaded_is_one(tiny, tmp_path, monkeypatch):
    folder = str(tiny())
    load_text_encoder(folder)
    install(tmp_path, monkeypatch, "raise ImportError('initialization failed') from KeyboardInterrupt()")
    with pytest.raises(KeyboardInterrupt):
        load_text_encoder(folder)


def test_a_gpu_is_used_where_it_is_asked_for(tiny, monkeypatch):
    made = []
    monkeypatch.setattr("retrieval.text.text_encoder._load_model", lambda folder, device: made.append(device))
    monkeypatch.setattr("retrieval.text.text_encoder.SentenceEncoder", lambda *_: "in torch")
    assert load_text_encoder(str(tiny()), "cuda") == "in torch"
    assert isinstance(load_text_encoder(str(tiny()), "auto"), OnnxEncoder)
    assert made == ["cuda"]


@pytest.mark.skipif(not is_installed(Runtime.OPENVINO), reason="found no openvino")
def test_openvino_gives_the_same_vectors_every_time(default):
    light, _ = default
    fast = load_text_encoder(runtime=Runtime.OPENVINO)
    assert fast.name == light.name
    assert fast.weights_sha256 == light.weights_sha256
    sentences = make_sentences(100)
    vectors_ND = fast.encode(sentences)
    assert vectors_ND.dtype == np.float32
    assert 0.999 < float((vectors_ND * light.encode(sentences)).sum(axis=1).min()) < 0.9999999
    np.testing.assert_array_equal(vectors_ND, fast.encode(sentences))
    assert fast.encode([]).shape == (0, fast.dimension)


class _Drifting:
    """A session that answers with the vectors of other sentences."""

    def __init__(self, session):
        self._session = session

    def run(self, batches):
        return [vectors_BD[::-1] for vectors_BD in self._session.run(batches)]


@pytest.mark.parametrize("fails", ["drifts", "breaks"])
def test_openvino_is_left_where_it_gives_other_vectors(default, monkeypatch, caplog, fails):
    def open_session(_runtime, graph, weights):
        if fails == "breaks":
            raise RuntimeError("no such operator")
        return _Drifting(OnnxSession(graph, weights))

    monkeypatch.setattr("retrieval.text.onnx_encoder.open_session", open_session)
    light, _ = default
    assert speed_up(light) is light
    assert ("no such operator" if fails == "breaks" else "found a cosine of 0.") in caplog.text
