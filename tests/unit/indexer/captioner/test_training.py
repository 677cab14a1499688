"""Training end to end on a handful of real photos with a real CNN: it learns, and a killed run carries on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.captioner.attention_captioner import load_attention_captioner
from indexer.captioner.checkpoint import read_captioner
from indexer.captioner.config import CaptionerConfig, TrainingConfig
from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize
from indexer.captioner.encoder_decoder import EncoderDecoder
from indexer.captioner.training.cross_entropy import cross_entropy_loss
from indexer.captioner.training.examples import Batch, encode_captions
from indexer.captioner.training.train import train_captioner
from indexer.captioner.vocabulary import END, PAD, SPECIAL_TOKENS, START, UNKNOWN, Vocabulary
from indexer.image_encoder import Neck
from retrieval.captioned_dataset import CaptionedDataset, CaptionedPhoto
from retrieval.errors import CheckpointError, DatasetError
from retrieval.progress import no_progress
from retrieval.store.files import hash_file
from tests.killed import KilledError


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("annotations")


def make_config(cell: Cell, passes: int, **settings: object) -> CaptionerConfig:
    sizes = {"features": 32, "hidden": 32, "attention": 16, "embedding": 32, "dropout": 0}
    training = {"cycles": [passes], "batch": 2, "learning_rate": 0.01, "label_smoothing": 0}
    return CaptionerConfig.model_validate(
        {
            "image_encoder": "efficientnet-lite0",
            "views": 2,
            "min_count": 1,
            "precision": "float32",
            "decoder": {"cell": cell, **sizes},
            "decoding": {"beam_width": 3},
            "training": {**training, "average_decay": 0.5, "patience": 1000},
            "self_critical": {"cycles": []},
            **settings,
        }
    )


@pytest.mark.parametrize("cell", list(Cell))
def test_each_cell_learns_to_say_what_people_said(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path, cell: Cell
) -> None:
    # As many steps as in nine times as many passes, after each of which all of them are captioned.
    often = [photo for photo in dataset.photos for _ in range(9 if photo.split == "train" else 1)]
    often = replace(dataset, photos=tuple(often))
    checkpoint = train_captioner(often, make_config(cell, passes=10), tmp_path, cache, no_progress)
    captioner = load_attention_captioner(checkpoint)
    for photo in dataset.split("train"):
        pixels = np.asarray(Image.open(photo.path).resize((224, 224), Image.Resampling.BICUBIC))
        (caption,) = captioner.caption(pixels[None])
        assert (caption.text,) == photo.captions
        assert caption.attention_TRC.shape == (len(caption.words), 7, 7)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] / 5
    with Image.open(tmp_path / "curves.png") as curves:
        assert curves.width > 500
    assert "36 photos, 36 captions" in (tmp_path / "captioner.md").read_text()


def train_until_killed(
    dataset: CaptionedDataset, config: CaptionerConfig, out: Path, cache: Path, dies_in: str
) -> None:
    """Train up to the pass whose description begins like that."""

    def kill(description: str, _done: int, _total: int) -> None:
        if description.startswith(dies_in):
            raise KilledError

    with pytest.raises(KilledError):
        train_captioner(dataset, config, out, cache, kill)


@pytest.mark.parametrize("neck", list(Neck))
def test_a_killed_run_carries_on_to_the_same_bytes(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path, neck: Neck
) -> None:
    config = make_config(Cell.GRU, passes=4, neck=neck)
    whole = train_captioner(dataset, config, tmp_path / "whole", cache, no_progress)
    train_until_killed(dataset, config, tmp_path / "killed", cache, "pass 3")
    assert not (tmp_path / "killed" / "captioner.safetensors").exists()
    resumed = train_captioner(dataset, config, tmp_path / "killed", cache, no_progress)
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_killed_second_stage_carries_on_to_the_same_bytes(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    config = make_config(Cell.GRU, passes=2, self_critical={"cycles": [5], "batch": 2})
    whole = train_captioner(dataset, config, tmp_path / "whole", cache, no_progress)
    train_until_killed(dataset, config, tmp_path / "killed", cache, "pass 3 of 5")
    assert len((tmp_path / "killed" / "self_critical" / "log.jsonl").read_text().splitlines()) == 2
    resumed = train_captioner(dataset, config, tmp_path / "killed", cache, no_progress)
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_second_stage_makes_better_sentences_of_a_given_captioner(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    first = train_captioner(dataset, make_config(Cell.GRU, passes=8), tmp_path / "first", cache, no_progress)
    steps = {"cycles": [40], "batch": 4, "learning_rate": 0.003, "average_decay": 0.5, "dropout": 0}
    second = {**steps, "samples": 50, "temperature": 0.5, "start": str(first)}
    config = make_config(Cell.GRU, passes=8, self_critical=second)
    better = train_captioner(dataset, config, tmp_path / "second", cache, no_progress)
    assert not (tmp_path / "second" / "state.safetensors").exists()
    before, after = (read_captioner(path)[1].figures["CIDEr"] for path in (first, better))
    assert after > before + 300
    cards = [path.with_suffix(".md").read_text() for path in (first, better)]
    assert ["self-critical" in card for card in cards] == [False, True]
    assert f"It began with `{first.name}`, SHA-256\n`{hash_file(first)}`." in cards[1]


def test_a_captioner_with_other_words_is_no_start(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    first = train_captioner(dataset, make_config(Cell.GRU, passes=1), tmp_path / "first", cache, no_progress)
    second = {"cycles": [1], "start": str(first)}
    config = make_config(Cell.GRU, passes=1, min_count=2, self_critical=second)
    with pytest.raises(CheckpointError, match="with other words than this config"):
        train_captioner(dataset, config, tmp_path / "second", tmp_path / "cache", no_progress)
    assert [path.name for path in tmp_path.iterdir()] == ["first"], "nothing is computed or claimed for it"


def test_captions_without_a_word_that_is_frequent_are_refused(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    config = make_config(Cell.GRU, passes=1, min_count=1000)
    with pytest.raises(DatasetError, match=r"found no word .* 1000 times, expected .*; add photos, or lower"):
        train_captioner(dataset, config, tmp_path / "out", cache, no_progress)
    assert not (tmp_path / "out").exists()


def test_another_config_in_the_same_folder_is_refused(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    train_captioner(dataset, make_config(Cell.GRU, passes=1), tmp_path / "out", cache, no_progress)
    other = make_config(Cell.LSTM, passes=1)
    with pytest.raises(
        CheckpointError, match=r"another config .*: decoder\.cell is 'gru' there and 'lstm' here"
    ):
        train_captioner(dataset, other, tmp_path / "out", tmp_path / "cache", no_progress)
    assert not (tmp_path / "cache").exists(), "what the CNN sees takes hours to compute"


def test_captions_become_padded_word_numbers() -> None:
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "dog"])
    photo = CaptionedPhoto(
        Path("p"), ("a dog", "a cat a dog"), (("a", "dog"), ("a", "cat", "a", "dog")), "train"
    )
    assert encode_captions([photo], vocabulary, max_words=3).tolist() == [
        [[START, 4, 5, END, PAD], [START, 4, UNKNOWN, 4, PAD]]
    ]


def test_the_loss_is_the_words_cross_entropy_and_the_unvisited_places() -> None:
    torch.manual_seed(0)
    sizes = {"features": 8, "hidden": 8, "attention": 4, "embedding": 8}
    decoder = AttentionDecoder(DecoderSize(cell=Cell.GRU, vocabulary=7, channels=6, **sizes))
    batch = Batch(
        np.arange(2),
        torch.randn(2, 9, 6),
        torch.tensor([[[START, 5, 4, END], [START, 6, END, PAD]], [[START, 4, END, PAD], [PAD] * 4]]),
    )
    photos = decoder.annotate(batch.seen)
    logits_BKTV, alpha_BKTL = decoder(photos, batch.words_BKT[:, :, :-1])
    log_p = logits_BKTV.log_softmax(-1)
    said = [
        (0, 0, 0, 5),
        (0, 0, 1, 4),
        (0, 0, 2, END),
        (0, 1, 0, 6),
        (0, 1, 1, END),
        (1, 0, 0, 4),
        (1, 0, 1, END),
    ]
    words = -torch.stack([log_p[place] for place in said]).mean()
    visited = [alpha_BKTL[0, 0, :3].sum(0), alpha_BKTL[0, 1, :2].sum(0), alpha_BKTL[1, 0, :2].sum(0)]
    places = torch.stack([(1 - each).square().mean() for each in visited]).mean()
    config = TrainingConfig(label_smoothing=0, doubly_stochastic=0.3)
    torch.testing.assert_close(
        cross_entropy_loss(EncoderDecoder(None, decoder), batch, config), words + 0.3 * places
    )
