"""What `retrieve index` refuses before anything is written, and what it says of its time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import retrieval.runtime
from indexer.captioner.checkpoint import read_captioner, save_captioner
from indexer.captioner.loading import DEFAULT_CAPTIONER, find_checkpoint
from indexer.config import IndexConfig
from indexer.model_paths import find_image_head, find_ngram_encoder, find_tagger
from indexer.models import Models, load_models
from retrieval.command.main import run

Colour = tuple[int, int, int]


@pytest.mark.parametrize("where", ["option", "config"])
def test_a_runtime_that_is_not_installed_is_refused_and_nothing_made(
    where: str,
    paint: Callable[[str, Colour], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo, index, config = paint("red.png", (200, 10, 20)), tmp_path / "index", tmp_path / "index.toml"
    config.write_text('runtime = "openvino"' if where == "config" else "")
    monkeypatch.setattr(retrieval.runtime, "is_installed", lambda runtime: runtime != "openvino")
    asked = ["--runtime", "openvino"] if where == "option" else []
    assert run(["index", str(photo), "--index", str(index), "--config", str(config), *asked]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert (
        err.strip().splitlines()[-1].startswith("retrieve: error: found no package openvino, expected it for")
    )
    assert "Traceback" not in err
    assert not index.exists()


def test_another_captioner_than_ours_is_torchs(
    paint: Callable[[str, Colour], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "index.toml"
    config.write_text('captioner = "some/image-to-text-model"')
    photo, index = paint("red.png", (200, 10, 20)), tmp_path / "index"
    asked = ["--config", str(config), "--runtime", "onnxruntime"]
    assert run(["index", str(photo), "--index", str(index), *asked]) == 2
    assert "found captioner some/image-to-text-model, which torch alone runs" in capsys.readouterr().err
    assert not index.exists()


def test_a_captioner_of_ones_own_over_the_shipped_cnn_goes_with_the_shipped_head_and_tagger(
    tmp_path: Path,
) -> None:
    shipped = find_checkpoint(DEFAULT_CAPTIONER)
    assert shipped is not None
    decoder, header = read_captioner(shipped)

    def save(name: str, **changes: Any) -> IndexConfig:
        save_captioner(tmp_path / name, decoder, header.model_copy(update=changes))
        return IndexConfig(captioner=str(tmp_path / name), runtime="onnxruntime")

    own = save("own.safetensors", data="photos of one's own")
    models = load_models(own, "cpu")
    assert models.image_head is not None
    assert models.tagger is not None
    assert models.ngram_encoder is None
    others = [IndexConfig(captioner=name) for name in ("some/model", "nowhere.safetensors")]
    for config in (save("other.safetensors", image_encoder_sha256="0" * 64), *others):
        assert [find(config) for find in (find_image_head, find_tagger, find_ngram_encoder)] == [None] * 3


def test_profile_says_where_the_time_went_and_only_when_asked(
    paint: Callable[[str, Colour], Path],
    captioner: Any,
    word_encoder: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo = paint("red.png", (200, 10, 20))
    monkeypatch.setattr("indexer.models.load_models", lambda *_: Models(captioner, word_encoder))

    def index(name: str, *asked: str) -> tuple[dict[str, Any], str]:
        assert run(["index", str(photo), "--index", str(tmp_path / name), "--json", *asked]) == 0
        out, err = capsys.readouterr()
        return json.loads(out), err

    document, err = index("a", "--profile")
    stages = [time["stage"] for time in document["profile"]]
    assert stages == ["decoding", "captions", "shards", "indexes", "all"]
    assert [line.split()[0] for line in err.splitlines()] == stages
    assert all(0 <= time["share"] <= 1 for time in document["profile"])
    assert document["profile"][-1]["photos_per_second"] == pytest.approx(
        1 / document["profile"][-1]["seconds"]
    )
    document, err = index("b")
    assert "profile" not in document
    assert err == ""
