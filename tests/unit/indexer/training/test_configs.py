"""The config files of the trainings: they load, and hold every key and its default."""

import tomllib
from pathlib import Path

import pytest

from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import Cell
from indexer.image_encoder.training.config import ImageEncoderConfig
from indexer.image_head.config import ImageHeadConfig
from indexer.tagger.config import TaggerConfig
from retrieval.config import Config, load_config
from retrieval.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[4] / "configs"


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("captioner.toml", CaptionerConfig()),
        ("image_encoder.toml", ImageEncoderConfig()),
        ("image_head.toml", ImageHeadConfig()),
        ("tagger.toml", TaggerConfig()),
    ],
)
def test_the_file_holds_every_key_and_its_default(name: str, config: Config) -> None:
    values = tomllib.loads((CONFIGS / name).read_text(encoding="utf-8"))
    assert values == config.model_dump(mode="json")


@pytest.mark.parametrize("cell", list(Cell))
def test_the_cells_differ_in_nothing_but_the_cell(cell: Cell) -> None:
    config = load_config(CaptionerConfig, CONFIGS / "cells" / f"{cell}.toml")
    assert config.decoder.cell is cell
    gru = load_config(CaptionerConfig, CONFIGS / "cells" / "gru.toml")
    assert config.model_copy(update={"decoder": gru.decoder}) == gru
    assert config.decoder.model_copy(update={"cell": Cell.GRU}) == gru.decoder


def test_an_unknown_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "captioner.toml"
    path.write_text("[decoder]\ncel = 'gru'\n")
    with pytest.raises(ConfigError, match=r"unknown key 'decoder\.cel'.*'decoder\.cell'"):
        load_config(CaptionerConfig, path)
