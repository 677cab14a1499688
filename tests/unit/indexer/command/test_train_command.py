"""`retrieve train …`: what is asked of its data before anything is loaded."""

import json
from pathlib import Path

import pytest

from retrieval.command.main import run


@pytest.mark.parametrize("model", ["image-encoder", "image-head", "tagger", "ngram-encoder", "captioner"])
@pytest.mark.parametrize("split", ["", "train"])
def test_data_without_the_splits_of_a_training_are_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, split: str
) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "data" / "images" / "a.jpg").touch()
    row = {"image": "a.jpg", "captions": ["a dog"]} | ({"split": split} if split else {})
    (tmp_path / "data" / "captions.jsonl").write_text(json.dumps(row))
    arguments = ("train", model, tmp_path / "data", "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    assert run([str(argument) for argument in arguments]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"retrieve: error: found the splits {split or 'test'} in captions.jsonl, expected train and val; "
        "give photos these splits, as dataset_*.json and captions.jsonl can"
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
