"""The config of an evaluation: the file holds every key that no other file explains, and its default."""

import tomllib
from pathlib import Path

from eval.config import EvalConfig
from retrieval.config import load_config

FILE = Path(__file__).resolve().parents[3] / "configs" / "eval.toml"


def test_the_file_holds_every_key_of_its_own_and_its_default() -> None:
    # What is in configs/index.toml and configs/search.toml would be another value here once it changed there.
    elsewhere: dict[str, object] = {"index": {}, "search": {}}
    assert tomllib.loads(FILE.read_text(encoding="utf-8")) == EvalConfig().model_dump() | elsewhere
    assert load_config(EvalConfig, FILE) == EvalConfig()


def test_keys_of_the_index_and_of_a_search_are_told_here_as_well(tmp_path: Path) -> None:
    path = tmp_path / "eval.toml"
    path.write_text('[search]\nfusion.image = 2.0\n[index]\ncaptioner = "mine.safetensors"\n')
    config = load_config(EvalConfig, path)
    assert (config.search.fusion.image, config.index.captioner) == (2.0, "mine.safetensors")
    others = {"search": EvalConfig().search, "index": EvalConfig().index}
    assert config.model_copy(update=others) == EvalConfig()
