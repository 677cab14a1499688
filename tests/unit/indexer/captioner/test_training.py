"""Training end to end on a handful of real photos with a real CNN: it learns, and a killed run carries on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.captioner.attention_captioner import load_attention_captioner
from indexer.captioner.config import CaptionerConfig, SelfCriticalConfig
from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize
from indexer.captioner.training.cross_entropy import sequence_logprobs
from indexer.captioner.training.examples import Batch, encode_captions
from indexer.captioner.training.self_critical import SelfCriticalReward, self_critical_loss
from indexer.captioner.training.train import train_captioner
from indexer.captioner.training.validation import load_caption_scorer
from indexer.captioner.vocabulary import END, PAD, SPECIAL_TOKENS, START, UNKNOWN, Vocabulary
from retrieval.captioned_dataset import CaptionedDataset, CaptionedPhoto, read_captioned_dataset
from retrieval.errors import CheckpointError
from retrieval.text_encoder import load_text_encoder

skimage_data = pytest.importorskip("skimage.data", reason="scikit-image brings the photos")

SENTENCES = {
    "astronaut": "a smiling woman in an orange suit",
    "chelsea": "a cat looks into the camera",
    "coffee": "a cup of coffee on a wooden table",
    "rocket": "a rocket stands on its launch pad",
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> CaptionedDataset:
    folder = tmp_path_factory.mktemp("captioned")
    (folder / "images").mkdir()
    lines = []
    for name, sentence in SENTENCES.items():
        for split in ("train", "val"):
            Image.fromarray(getattr(skimage_data, name)()).save(folder / "images" / f"{name}-{split}.png")
            row = {"image": f"{name}-{split}.png", "captions": [sentence], "split": split}
            lines.append(json.dumps(row))
    (folder / "captions.jsonl").write_text("\n".join(lines))
    return read_captioned_dataset(folder)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("annotations")


def make_config(cell: Cell, passes: int, self_critical: int = 0) -> CaptionerConfig:
    sizes = {"features": 32, "hidden": 32, "attention": 16, "embedding": 32, "dropout": 0}
    first = {"passes": passes, "batch": 2, "learning_rate": 0.01, "label_smoothing": 0, "average_decay": 0.5}
    return CaptionerConfig.model_validate(
        {
            "image_encoder": "efficientnet-lite0",
            "views": 2,
            "min_count": 1,
            "precision": "float32",
            "decoder": {"cell": cell, **sizes},
            "cross_entropy": {**first, "patience": 1000},
            "self_critical": {"passes": self_critical, "batch": 2, "samples": 2},
        }
    )


def ignore(_description: str, _done: int, _total: int) -> None:
    pass


@pytest.mark.parametrize("cell", list(Cell))
def test_each_cell_learns_to_say_what_people_said(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path, cell: Cell
) -> None:
    checkpoint = train_captioner(dataset, make_config(cell, passes=60), tmp_path, cache, ignore)
    captioner = load_attention_captioner(checkpoint)
    for name, sentence in SENTENCES.items():
        pixels = np.asarray(Image.fromarray(getattr(skimage_data, name)()).resize((224, 224), Image.BICUBIC))
        (caption,) = captioner.caption(pixels[None])
        assert caption.text == sentence
        assert caption.attention_TRC.shape == (len(caption.words), 7, 7)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] / 5
    assert Image.open(tmp_path / "curves.png").width > 500
    assert "Flickr8k" in (tmp_path / "captioner.md").read_text()


class KilledError(Exception):
    pass


def test_a_killed_run_carries_on_to_the_same_bytes(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    config = make_config(Cell.GRU, passes=4, self_critical=2)
    whole = train_captioner(dataset, config, tmp_path / "whole", cache, ignore)

    def kill_in_third_pass(description: str, _done: int, _total: int) -> None:
        if "cross-entropy, pass 3" in description:
            raise KilledError

    with pytest.raises(KilledError):
        train_captioner(dataset, config, tmp_path / "killed", cache, kill_in_third_pass)
    assert not (tmp_path / "killed" / "captioner.safetensors").exists()
    resumed = train_captioner(dataset, config, tmp_path / "killed", cache, ignore)
    assert resumed.read_bytes() == whole.read_bytes()


def test_another_config_in_the_same_folder_is_refused(
    dataset: CaptionedDataset, cache: Path, tmp_path: Path
) -> None:
    train_captioner(dataset, make_config(Cell.GRU, passes=1), tmp_path, cache, ignore)
    with pytest.raises(CheckpointError, match="another config"):
        train_captioner(dataset, make_config(Cell.LSTM, passes=1), tmp_path, cache, ignore)


def test_captions_become_padded_word_numbers() -> None:
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "dog"])
    photo = CaptionedPhoto(
        Path("p"), ("a dog", "a cat a dog"), (("a", "dog"), ("a", "cat", "a", "dog")), "train"
    )
    assert encode_captions([photo], vocabulary, max_words=3).tolist() == [
        [[START, 4, 5, END, PAD], [START, 4, UNKNOWN, 4, PAD]]
    ]


def test_self_critical_loss_makes_rewarded_captions_likelier() -> None:
    torch.manual_seed(0)
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "cat"])
    sizes = {"features": 8, "hidden": 8, "attention": 4, "embedding": 8}
    decoder = AttentionDecoder(DecoderSize(cell=Cell.GRU, vocabulary=7, channels=6, **sizes))
    batch = Batch(np.arange(4), torch.randn(4, 9, 6), torch.zeros(4, 1, 3, dtype=torch.int64))
    wanted = torch.tensor([[[START, 5, END]]] * 4)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.01)
    before = sequence_logprobs(decoder, batch.a_BLD, wanted).detach()
    for _ in range(60):
        loss = self_critical_loss(
            decoder,
            batch,
            vocabulary,
            lambda _numbers, captions: torch.tensor(
                [[float(c == ("dog",)) for c in photo] for photo in captions]
            ),
            SelfCriticalConfig(samples=8),
            max_words=4,
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = sequence_logprobs(decoder, batch.a_BLD, wanted).detach()
    assert (after.exp() > 0.8).all()
    assert (before.exp() < 0.2).all()


def test_reward_prefers_a_photos_own_captions() -> None:
    references = [[tuple(sentence.split())] for sentence in SENTENCES.values()]
    scorer = load_caption_scorer("CIDEr", references)
    reward = SelfCriticalReward(references, scorer, load_text_encoder(), SelfCriticalConfig())
    captions = [
        [own[0], other[0]] for own, other in zip(references, references[1:] + references[:1], strict=True)
    ]
    reward_BS = reward(np.arange(len(references)), captions)
    assert (reward_BS[:, 0] > reward_BS[:, 1] + 1).all()
