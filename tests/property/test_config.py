import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.config import Config, load_config
from retrieval.errors import ConfigError


class Decoder(Config):
    hidden_units: int = 512
    dropout: float = 0.5


class Training(Config):
    learning_rate: float = 0.001
    passes: int = 40
    name: str = "default"
    decoder: Decoder = Decoder()


KEYS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=16)
INTEGERS = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("config") / "training.toml"


@given(rate=st.floats(allow_nan=False, allow_infinity=False), passes=INTEGERS, units=INTEGERS)
def test_every_value_survives_the_file(path, rate, passes, units):
    path.write_text(f"learning_rate = {rate!r}\npasses = {passes}\n[decoder]\nhidden_units = {units}\n")
    assert load_config(Training, path) == Training(
        learning_rate=rate, passes=passes, decoder=Decoder(hidden_units=units)
    )


@given(key=KEYS.filter(lambda key: key not in Training.model_fields), nested=st.booleans())
def test_every_unknown_key_is_refused_by_name(path, key, nested):
    known = Decoder.model_fields if nested else Training.model_fields
    if key in known:
        return
    path.write_text(f"[decoder]\n{key} = 1\n" if nested else f"{key} = 1\n")
    with pytest.raises(ConfigError) as caught:
        load_config(Training, path)
    message = str(caught.value)
    assert repr(f"decoder.{key}" if nested else key) in message
    nearest = difflib.get_close_matches(key, known, n=1)
    assert all(name in message for name in (nearest or known))
    assert "\n" not in message


@given(data=st.binary(max_size=60))
def test_any_bytes_are_a_config_or_refused(path, data):
    path.write_bytes(data)
    try:
        config = load_config(Training, path)
    except ConfigError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert isinstance(config, Training)
