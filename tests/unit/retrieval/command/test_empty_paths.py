"""What is written to is never the current folder because a script's variable is not set."""

import pytest

from retrieval.command.main import run


@pytest.mark.parametrize(
    "arguments",
    [
        ["eval", "data", "--out"],
        ["calibrate", "data", "--out"],
        ["ablate", "data", "--config", "ablation.toml", "--out"],
        *(
            ["train", model, "data", option]
            for model in ("captioner", "image-encoder", "image-head", "tagger", "ngram-encoder")
            for option in ("--out", "--cache")
        ),
        ["train", "captioner", "data", "--diagnose"],
        ["bench", "search", "--keep"],
        ["bench", "open", "--keep"],
        ["bench", "growth", "--keep"],
        ["bench", "growth", "--picture"],
        ["caption", "photo.jpg", "--attention"],
        ["caption", "photo.jpg", "--states"],
        ["search", "a dog", "--picture"],
        ["similar", "photo.jpg", "--picture"],
    ],
    ids=" ".join,
)
def test_an_empty_path_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, ""]) == 2
    assert "found an empty path" in capsys.readouterr().err
