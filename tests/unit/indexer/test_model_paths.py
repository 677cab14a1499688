"""Where the models of a config are, seen from another folder."""

from pathlib import Path

import pytest

from indexer.config import IndexConfig
from indexer.model_paths import make_paths_absolute

MODELS = ("captioner", "text_encoder", "image_head", "tagger", "ngram_encoder")


def test_names_stay_names_where_folders_are_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = IndexConfig(captioner="some/captioner", text_encoder="some/encoder", image_head="some/tower")
    without = IndexConfig(image_head="none", tagger="none", ngram_encoder="none")
    for name in ("default", "none", "all-MiniLM-L6-v2"):
        Path(name).mkdir()
    for config in (IndexConfig(), named, without):
        assert make_paths_absolute(config) == config


@pytest.mark.parametrize(
    "asked",
    [
        dict.fromkeys(MODELS, "own/model.safetensors") | {"text_encoder": "own"},
        {"captioner": "own", "image_head": "own", "tagger": "own/tagger", "ngram_encoder": "own/ngrams"},
        dict.fromkeys(MODELS, "/own/model.safetensors"),
    ],
)
def test_paths_begin_at_the_root(
    asked: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own").mkdir()
    found = make_paths_absolute(IndexConfig(**asked, samples=3))
    assert found == IndexConfig(**{key: str(tmp_path / path) for key, path in asked.items()}, samples=3)
