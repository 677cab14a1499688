"""Tags: the most probable classes of annotations, and the map that a tagger is fitted by."""

from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.tagger.checkpoint import TaggerHeader, save_tagger
from indexer.tagger.config import TaggerConfig
from indexer.tagger.tagger import load_tagger
from indexer.tagger.training.fit import fit_features, match_sureness
from indexer.tagger.training.train import compare_classes
from retrieval.errors import CheckpointError

HEADER = TaggerHeader(
    config=TaggerConfig(),
    channels=3,
    names=(("tabby", "tabby cat"), ("tiger cat", "tabby"), ("espresso",)),
    image_encoder_sha256="1" * 64,
    data="nothing",
    figures={},
)


def test_tags_are_all_names_of_the_most_probable_classes(tmp_path: Path) -> None:
    path = tmp_path / "animals.safetensors"
    save_tagger(path, np.eye(3, dtype=np.float32), np.array([0, 0, 1], np.float32), HEADER)
    tagger = load_tagger(path)
    assert tagger.name == "animals"
    logits = torch.tensor([[3.0, 2.5, 0.0], [0.0, 0.0, 6.0], [0.0, 0.0, -1.0]])
    # Two locations, whose mean is what is told apart.
    a_BLD = torch.stack([logits + 5, logits - 5], dim=1)
    expected = np.exp(logits.numpy() + np.array([0, 0, 1]))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tagger.classify(a_BLD), expected, rtol=1e-5)
    assert tagger.tag(a_BLD, 2, 0.2) == [
        ("tabby", "tabby cat", "tiger cat"),
        ("espresso",),
        ("tabby", "tabby cat", "tiger cat"),
    ]
    assert tagger.tag(a_BLD, 1, 0.4) == [("tabby", "tabby cat"), ("espresso",), ()]
    assert tagger.tag(a_BLD.to(torch.bfloat16), 1, 0.4) == tagger.tag(a_BLD, 1, 0.4)
    # All three classes; of the last photo they are as probable as each other, and come in their order.
    cats = ("tabby", "tabby cat", "tiger cat")
    in_order = (*cats, "espresso")
    assert tagger.tag(a_BLD, 3, 0.0) == [in_order, ("espresso", *cats), in_order]


def test_weights_that_do_not_fit_the_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.safetensors"
    save_tagger(path, np.eye(4, 3, dtype=np.float32), np.zeros(4, np.float32), HEADER)
    with pytest.raises(CheckpointError, match="weights bias, weight do not fit the tagger"):
        load_tagger(path)


def test_the_map_is_found_where_photos_show_it_and_changes_nothing_elsewhere() -> None:
    random = np.random.default_rng(0)
    true_DD, shift_D = np.eye(4) + 0.5 * random.normal(size=(4, 4)), random.normal(size=4)
    x_ND = random.normal(size=(500, 4))
    map_DD, found_D = fit_features(x_ND, x_ND @ true_DD + shift_D, 1e-9)
    np.testing.assert_allclose(map_DD, true_DD, atol=1e-6)
    np.testing.assert_allclose(found_D, shift_D, atol=1e-6)
    x_ND[:, 3] = 7.0
    map_DD, _ = fit_features(x_ND, x_ND @ true_DD, 1e-9)
    np.testing.assert_allclose(map_DD[:3], true_DD[:3], atol=1e-6)
    np.testing.assert_allclose(map_DD[3], [0, 0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(fit_features(x_ND, x_ND @ true_DD, 1e9)[0], np.eye(4), atol=1e-6)


def test_classes_are_compared_where_the_classifier_is_sure_too() -> None:
    expected = np.array([[9.0, 0, 0], [0, 0.1, 0], [0, 9.0, 0], [0, 0, 0.2]])
    found = np.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]])
    assert compare_classes(found, expected) == {
        "same class as the classifier": 50.0,
        "where that is sure": 50.0,
    }
    assert compare_classes(found[1:2], expected[1:2]) == {"same class as the classifier": 0.0}


@pytest.mark.parametrize("held_back", [0.5, 1.0, 3.0])
def test_logits_that_were_held_back_are_made_as_sure_as_expected(held_back: float) -> None:
    expected_NC = np.random.default_rng(0).normal(scale=2, size=(50, 20))
    assert match_sureness(held_back * expected_NC, expected_NC) == pytest.approx(1 / held_back, abs=1e-3)
    assert match_sureness(0 * expected_NC, expected_NC) == 10
