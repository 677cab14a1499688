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


def claim(data: Path) -> None:
    claim_folder(data.parent / "out", TaggerConfig(), read_captioned_dataset(data))


@pytest.mark.parametrize("split", ["train", "val"])
def test_other_captions_of_any_split_are_refused(data: Path, split: str) -> None:
    claim(data)
    claim(data)
    write_captions(data / f"captions_{split}.json", "a cat")
    with pytest.raises(CheckpointError, match="another config or dataset: captions_sha256 is"):
        claim(data)


def test_splits_of_other_names_are_refused(data: Path) -> None:
    claim(data)
    (data / "captions_val.json").rename(data / "captions_validation.json")
    with pytest.raises(CheckpointError, match="another config or dataset: captions_sha256 is"):
        claim(data)


@pytest.mark.parametrize("held", [b'{"captions_sha256": "ab', b"", b"[]", b"\xff"])
def test_a_damaged_config_is_named(data: Path, held: bytes) -> None:
    claim(data)
    path = data.parent / "out" / "config.json"
    path.write_bytes(held)
    with pytest.raises(CheckpointError, match=f"^found no JSON object in {path}, expected the config"):
        claim(data)
    assert path.read_bytes() == held
