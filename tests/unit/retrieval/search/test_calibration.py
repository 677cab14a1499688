"""From scores to probabilities: curves written out, files, and whose models a calibration is of."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from retrieval.channel import Channel
from retrieval.errors import ConfigError, UsageError
from retrieval.search.calibration import (
    Calibration,
    Logistic,
    find_calibration,
    read_calibration,
    write_calibration,
)
from retrieval.store.manifest import HeadRecord, Manifest, ModelRecord

CAPTION, IMAGE, LEXICAL = Channel.CAPTION, Channel.IMAGE, Channel.LEXICAL
CALIBRATION = Calibration(
    captioner_sha256="a" * 64,
    text_encoder_sha256="b" * 64,
    curves=(
        Logistic({CAPTION: 2.0, IMAGE: 4.0}, -3.0),
        Logistic({CAPTION: 5.0}, -2.0),
        Logistic({IMAGE: 6.0}, -1.0),
    ),
    agreement=0.4,
    fitted_on="a few photos",
)
MANIFEST = Manifest(
    generation=1,
    captioner=ModelRecord("captioner", "a" * 64),
    text_encoder=ModelRecord("encoder", "b" * 64),
    caption_dimension=3,
    image_head=HeadRecord("head", "d" * 64, 3, "e" * 64, 100),
)


def test_probabilities_are_those_of_the_curve() -> None:
    scores = {CAPTION: np.array([0.5, 0.0], np.float32), IMAGE: np.array([0.5, -1.0], np.float32)}
    scores[LEXICAL] = np.array([7.0, 9.0], np.float32)
    found = CALIBRATION.curves[0].probabilities(scores)
    assert found.tolist() == pytest.approx([0.5, 1 / (1 + math.exp(7))])


def test_the_curve_is_that_of_the_channels_that_were_searched() -> None:
    both, caption, image = CALIBRATION.curves
    assert CALIBRATION.find_curve(frozenset({CAPTION, IMAGE, LEXICAL})) == both
    assert CALIBRATION.find_curve(frozenset({CAPTION, LEXICAL})) == caption
    assert CALIBRATION.find_curve(frozenset({IMAGE})) == image
    assert CALIBRATION.find_curve(frozenset({LEXICAL})) is None


def test_it_is_of_the_models_that_it_names() -> None:
    CALIBRATION.require_fit(MANIFEST)
    for other in (
        dataclasses.replace(MANIFEST, captioner=ModelRecord("captioner", "c" * 64)),
        dataclasses.replace(MANIFEST, text_encoder=ModelRecord("encoder", "c" * 64)),
        dataclasses.replace(MANIFEST, image_head=None),
    ):
        with pytest.raises(UsageError, match=r"calibration of other models \(a few photos\), .*retrieve cal"):
            CALIBRATION.require_fit(other)
        assert find_calibration(other) is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_calibration(tmp_path / "c.json", CALIBRATION)
    assert read_calibration(tmp_path / "c.json") == CALIBRATION
    assert read_calibration(str(tmp_path / "c.json")) == CALIBRATION


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"curves": [{"weights": {"smell": 1.0}, "bias": 0.0}]}, "smell"),
        ({"curves": [{"weights": {"image": math.inf}, "bias": 0.0}]}, "curves.0.weights.image"),
        ({"curves": [{"weights": {}, "bias": 0.0}]}, "curves.0.weights"),
        ({"captioner_sha256": "../x"}, "captioner_sha256"),
        ({"more": 1}, "more"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "c.json"
    write_calibration(path, CALIBRATION)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match=f"c.json is no calibration: .*{message}.*; fit it again"):
        read_calibration(path)
    path.write_text('{"captioner')
    with pytest.raises(ConfigError, match=r"c.json is no calibration: Invalid JSON: [^:]*; fit it again"):
        read_calibration(path)
    with pytest.raises(ConfigError, match=r"cannot read .*, expected a calibration; name a file .*calibrate"):
        read_calibration(str(tmp_path / "nothing.json"))
