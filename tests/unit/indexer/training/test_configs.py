"""The config files of the trainings: they load, and hold every key and its default."""

import tomllib
from pathlib import Path

import pytest

from indexer.captioner.config import CaptionerConfig
from indexer.fine_tuning.config import ImageEncoderConfig
from indexer.image_head.config import ImageHeadConfig
from indexer.ngram_encoder.config import NgramEncoderConfig
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
        ("ngram_encoder.toml", NgramEncoderConfig()),
        ("tagger.toml", TaggerConfig()),
    ],
)
def test_the_file_holds_every_key_and_its_default(name: str, config: Config) -> None:
    values = tomllib.loads((CONFIGS / name).read_text(encoding="utf-8"))
    assert values == config.model_dump(mode="json")


@pytest.mark.parametrize("name", ["hourglass", "hrnet", "resnet"])
def test_the_encoders_differ_in_nothing_but_the_encoder(name: str) -> None:
    config = load_config(CaptionerConfig, CONFIGS / "encoders" / f"{name}.toml")
    default = load_config(CaptionerConfig, CONFIGS / "encoders" / "efficientnet-lite2.toml")
    assert config != default
    encoder = {"image_encoder": default.image_encoder, "neck": default.neck}
    assert config.model_copy(update=encoder) == default


def test_the_cells_have_a_config_that_loads() -> None:
    assert load_config(CaptionerConfig, CONFIGS / "cells.toml").training.cycles == (1,)


def test_an_unknown_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "captioner.toml"
    path.write_text("[decoder]\ncel = 'gru'\n")
    with pytest.raises(ConfigError, match=r"unknown key 'decoder\.cel'.*'decoder\.cell'"):
        load_config(CaptionerConfig, path)


@pytest.mark.parametrize(
    "config", [CaptionerConfig, ImageEncoderConfig, ImageHeadConfig, NgramEncoderConfig, TaggerConfig]
)
@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_no_generator_takes_is_refused(tmp_path: Path, config: type[Config], seed: int) -> None:
    path = tmp_path / "training.toml"
    path.write_text(f"seed = {seed}\n")
    with pytest.raises(ConfigError, match="seed"):
        load_config(config, path)
