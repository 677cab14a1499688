"""The weights in the package: each has a card beside it that names its very bytes and the data's terms."""

import re
from pathlib import Path

import pytest

import indexer
from retrieval.store.files import hash_file

SHIPPED = sorted(Path(indexer.__file__).parent.glob("*/weights/*.safetensors"))
MODELS = ["captioner", "image_encoder", "image_head", "ngram_encoder", "tagger"]


def name(path: Path) -> str:
    return path.parents[1].name


def test_every_model_has_its_weights_in_the_package() -> None:
    assert [name(path) for path in SHIPPED] == MODELS


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_its_card_states_its_hash_its_size_and_the_terms_of_its_data(path: Path) -> None:
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert re.findall(r"SHA-256 `(.*?)`", card) == [hash_file(path)]
    assert f"`{path.name}`, {path.stat().st_size / 1e6:.1f} MB" in card
    assert "non-commercial" in card


def test_the_image_head_is_small() -> None:
    (path,) = (path for path in SHIPPED if name(path) == "image_head")
    assert path.stat().st_size <= 15e6
