"""Checkpoints: what is written comes back, and anything else is refused in one line."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from indexer.captioner.attention_captioner import load_attention_captioner
from indexer.captioner.checkpoint import CaptionerHeader, read_captioner, save_captioner
from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize
from indexer.captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from indexer.image_encoder.efficientnet_lite import VARIANTS
from retrieval.errors import CheckpointError

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "runs"])


LITE0 = VARIANTS["efficientnet-lite0"].weights_sha256


def write(path: Path, cell: Cell = Cell.GRU, encoder_sha256: str = LITE0) -> AttentionDecoder:
    sizes = {"features": 8, "hidden": 8, "attention": 4, "embedding": 8}
    config = CaptionerConfig.model_validate(
        {"image_encoder": "efficientnet-lite0", "decoder": {"cell": cell, "dropout": 0.1, **sizes}}
    )
    torch.manual_seed(0)
    decoder = AttentionDecoder(DecoderSize(cell=cell, vocabulary=7, channels=1280, **sizes))
    header = CaptionerHeader(
        config=config,
        channels=1280,
        image_encoder_sha256=encoder_sha256,
        vocabulary=VOCABULARY.words,
        data="test data",
        figures={"CIDEr": 1.5},
    )
    save_captioner(path, decoder, header)
    return decoder


@pytest.mark.parametrize("cell", list(Cell))
def test_weights_vocabulary_and_settings_come_back(tmp_path: Path, cell: Cell) -> None:
    written = write(tmp_path / "c.safetensors", cell)
    decoder, header = read_captioner(tmp_path / "c.safetensors")
    assert header.vocabulary == VOCABULARY.words
    assert header.config.decoder.cell is cell
    assert header.figures == {"CIDEr": 1.5}
    for (name, weight), (other, original) in zip(
        decoder.named_parameters(), written.named_parameters(), strict=True
    ):
        assert name == other
        assert torch.equal(weight, original.half().float())


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no captioner checkpoint at"):
        read_captioner(tmp_path / "none.safetensors")


def test_pickle_is_refused_unread(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "c.safetensors")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        read_captioner(tmp_path / "c.safetensors")


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "c.safetensors")
    with pytest.raises(CheckpointError, match="holds no captioner"):
        read_captioner(tmp_path / "c.safetensors")


def test_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    write(path)
    newer = path.read_bytes().replace(rb"{\"format_version\":1", rb"{\"format_version\":9")
    assert newer != path.read_bytes()
    path.write_bytes(newer)
    with pytest.raises(CheckpointError, match="format 9, this version reads 1"):
        read_captioner(path)


def test_weights_that_do_not_fit_the_header_are_refused(tmp_path: Path) -> None:
    from safetensors import safe_open

    path = tmp_path / "c.safetensors"
    write(path)
    tensors = load_file(path)
    tensors["w_phi.weight"] = torch.zeros(3, 3)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(CheckpointError, match=r"w_phi\.weight do not fit the gru decoder"):
        read_captioner(path)


def test_the_weights_of_another_cell_are_refused_naming_both(tmp_path: Path) -> None:
    from safetensors import safe_open

    path = tmp_path / "c.safetensors"
    write(path, Cell.LSTM)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    header = metadata["header"].replace('"cell":"lstm"', '"cell":"gru"')
    assert header != metadata["header"]
    save_file(load_file(path), path, metadata={"header": header})
    with pytest.raises(CheckpointError, match="holds the weights of the cell lstm, its header asks for gru"):
        read_captioner(path)


def test_another_encoder_than_it_was_trained_on_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "c.safetensors", encoder_sha256="0" * 64)
    with pytest.raises(
        CheckpointError,
        match=f"efficientnet-lite0 of 000000000000…, found efficientnet-lite0 of {LITE0[:12]}…",
    ):
        load_attention_captioner(tmp_path / "c.safetensors")
