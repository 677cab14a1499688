from pathlib import Path

import pytest
from pydantic import Field

from retrieval.config import Config, load_config
from retrieval.errors import ConfigError


class Decoder(Config):
    hidden_units: int = Field(default=512, gt=0)
    cell: str = "gru"


class Training(Config):
    learning_rate: float = 0.001
    decoder: Decoder = Decoder()


def load(tmp_path: Path, text: str) -> Training:
    path = tmp_path / "training.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(Training, path)


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert str(tmp_path / "training.toml") in message
    return message


def test_no_file_means_the_defaults():
    assert load_config(Training, None) == Training()


def test_values_of_the_file_replace_the_defaults(tmp_path):
    config = load(tmp_path, "learning_rate = 1\n[decoder]\ncell = 'lstm'\n")
    assert config == Training(learning_rate=1.0, decoder=Decoder(cell="lstm"))
    assert config.decoder.hidden_units == 512


def test_unknown_key_names_the_nearest(tmp_path):
    message = refusal(tmp_path, "learning_rat = 0.1\n")
    assert "unknown key 'learning_rat'" in message
    assert "'learning_rate'" in message


def test_unknown_nested_key_names_the_nearest_with_its_table(tmp_path):
    message = refusal(tmp_path, "[decoder]\nhiden_units = 3\n")
    assert "unknown key 'decoder.hiden_units'" in message
    assert "'decoder.hidden_units'" in message


def test_unknown_key_without_a_near_one_lists_what_is_known(tmp_path):
    message = refusal(tmp_path, "zzz = 1\n")
    assert "known here: decoder, learning_rate" in message


def test_unknown_key_comes_before_a_wrong_value(tmp_path):
    message = refusal(tmp_path, "learning_rate = 'fast'\nlearning_rat = 0.1\n")
    assert "unknown key 'learning_rat'" in message
    assert "(and 1 more)" in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("learning_rate = 'fast'\n", "learning_rate is 'fast'"),
        ("learning_rate = nan\n", "learning_rate is nan"),
        ("[decoder]\nhidden_units = 0\n", "decoder.hidden_units is 0"),
        ("decoder = 3\n", "decoder is 3"),
        ("learning_rate = \n", "not valid TOML"),
    ],
)
def test_wrong_value_is_named(tmp_path, text, part):
    assert part in refusal(tmp_path, text)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "training.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(Training, path)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="found no config file"):
        load_config(Training, tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"cannot read .*: .*, expected a TOML file; check the path"):
        load_config(Training, tmp_path)


def test_config_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Training().learning_rate = 2.0
