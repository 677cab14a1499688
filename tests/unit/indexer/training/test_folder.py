"""The folder of a training: whose it is."""

import json
from pathlib import Path

import pytest

from indexer.tagger.config import TaggerConfig
from indexer.training.folder import claim_folder
from retrieval.captioned_dataset import read_captioned_dataset
from retrieval.errors import CheckpointError


def write_captions(path: Path, caption: str) -> None:
    photo = path.with_suffix(".jpg").name
    (path.parent / "images" / photo).touch()
    image, annotation = {"id": 1, "file_name": photo}, {"image_id": 1, "caption": caption}
    path.write_text(json.dumps({"images": [image], "annotations": [annotation]}))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dataset as COCO's, with a file for each split."""
    (tmp_path / "data" / "images").mkdir(parents=True)
    for split in ("train", "val"):
        write_captions(tmp_path / "data" / f"captions_{split}.json", "a dog")
    return tmp_path / "data"


def claim(data: Path, config: TaggerConfig | None = None) -> None:
    claim_folder(data.parent / "out", config or TaggerConfig(), read_captioned_dataset(data))


def train(data: Path, trace: str = "tagger.safetensors") -> None:
    """Leave something that a training writes."""
    claim(data)
    path = data.parent / "out" / trace
    path.parent.mkdir(exist_ok=True)
    path.touch()
    claim(data)


@pytest.mark.parametrize("split", ["train", "val"])
def test_other_captions_of_any_split_are_refused(data: Path, split: str) -> None:
    train(data)
    write_captions(data / f"captions_{split}.json", "a cat")
    with pytest.raises(CheckpointError, match="another config or dataset: captions_sha256 is"):
        claim(data)


def test_splits_of_other_names_are_refused(data: Path) -> None:
    train(data)
    (data / "captions_val.json").rename(data / "captions_validation.json")
    with pytest.raises(CheckpointError, match="another config or dataset: captions_sha256 is"):
        claim(data)


@pytest.mark.parametrize("held", [b'{"captions_sha256": "ab', b"", b"[]", b"\xff"])
def test_a_damaged_config_is_named(data: Path, held: bytes) -> None:
    train(data)
    path = data.parent / "out" / "config.json"
    path.write_bytes(held)
    expected = f"^found no config of a training in {path}, expected that of what .*; name another --out$"
    with pytest.raises(CheckpointError, match=expected):
        claim(data)
    assert path.read_bytes() == held


def test_what_was_trained_with_a_config_that_is_gone_is_refused(data: Path) -> None:
    train(data)
    path = data.parent / "out" / "config.json"
    path.unlink()
    with pytest.raises(CheckpointError, match=f"^found no config of a training in {path}"):
        claim(data)
    assert not path.exists()


@pytest.mark.parametrize(
    "trace",
    [
        "heads.safetensors",
        "log.jsonl",
        "state.safetensors",
        "run-1/state.safetensors",
        "self_critical/log.jsonl",
    ],
)
def test_another_config_is_refused_once_something_was_trained(data: Path, trace: str) -> None:
    claim(data)
    claim(data, TaggerConfig(views=2))
    held = (data.parent / "out" / "config.json").read_text()
    assert json.loads(held)["views"] == 2
    train(data, trace)
    with pytest.raises(CheckpointError, match=r"views is 4 there and 2 here; .* or delete /.*/out$"):
        claim(data, TaggerConfig(views=2))


def test_a_config_that_is_no_trainings_stays_as_it_is(data: Path) -> None:
    path = data.parent / "out" / "config.json"
    path.parent.mkdir()
    path.write_text('{"name": "a project"}')
    with pytest.raises(CheckpointError, match=f"^found no config of a training in {path}"):
        claim(data)
    assert path.read_text() == '{"name": "a project"}'


def test_another_training_in_a_folder_of_this_one_is_not_its_own(data: Path) -> None:
    claim_folder(data.parent / "out" / "captioner", TaggerConfig(), read_captioned_dataset(data))
    (data.parent / "out" / "captioner" / "state.safetensors").touch()
    claim(data)


def test_other_photos_of_the_same_names_are_refused(data: Path) -> None:
    train(data)
    (data / "images" / "captions_val.jpg").write_bytes(b"another photo")
    with pytest.raises(CheckpointError, match="another config or dataset: photos_sha256 is"):
        claim(data)
