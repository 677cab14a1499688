"""The config of a search: the file holds every key and its default, and mistakes are named."""

import tomllib
from pathlib import Path

import pytest

from retrieval.config import load_config
from retrieval.errors import ConfigError
from retrieval.search.search_config import SearchConfig

FILE = Path(__file__).resolve().parents[4] / "configs" / "search.toml"


def test_the_file_holds_every_key_and_its_default() -> None:
    assert tomllib.loads(FILE.read_text(encoding="utf-8")) == SearchConfig().model_dump(mode="json")
    assert load_config(SearchConfig, FILE) == SearchConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fusoin]", "unknown key 'fusoin', the nearest known one is 'fusion'"),
        ("[fusion]\nlexcial = 1", "the nearest known one is 'fusion.lexical'"),
        ("[fusion]\nimage = -1", "fusion.image is -1"),
        ("[fusion]\nimage = nan", "fusion.image"),
        ('[fusion]\nmethod = "borda"', "fusion.method is 'borda'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "search.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(SearchConfig, path)
