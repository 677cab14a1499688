"""What `retrieve caption` refuses and reports, with captioners that are there at once."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from indexer.command.caption_command import _caption_all
from indexer.config import IndexConfig
from indexer.describing.describer import Describer
from indexer.models import Models
from retrieval.command.main import run

Paint = Callable[[str, tuple[int, int, int]], Path]


def test_attention_that_a_captioner_lacks_is_refused_before_it_captions(
    paint: Paint,
    tmp_path: Path,
    word_encoder: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    blind: Any = SimpleNamespace(name="blind", weights_sha256="0" * 64, image_size=16)  # and mute
    monkeypatch.setattr("indexer.models.load_models", lambda *_: Models(blind, word_encoder))
    photo, out = paint("red.png", (200, 10, 20)), tmp_path / "words.png"
    assert run(["caption", str(photo), "--attention", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "captioner blind gives no attention to draw; use an attention captioner" in printed.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("option", "name", "part"),
    [
        (
            "--attention",
            "words",
            "cannot write the picture to words, expected the ending of a kind of picture",
        ),
        ("--attention", "none/words.png", "cannot write the picture to none/words.png (No such file"),
        ("--attention", "file/words.png", "cannot write the picture to file/words.png (Not a directory"),
        ("--states", "none/page.html", "cannot write the page to none/page.html (No such file or directory)"),
        ("--states", ".", "cannot write the page to ., expected no folder there"),
    ],
)
def test_what_cannot_be_written_is_said_before_models_are_loaded(
    paint: Paint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
    name: str,
    part: str,
) -> None:
    monkeypatch.setattr("indexer.models.load_models", lambda *_: pytest.fail("models are loaded"))
    photo = paint("red.png", (200, 10, 20))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert run(["caption", str(photo), option, name]) == 2
    assert part in capsys.readouterr().err


def test_progress_is_told_of_every_photo(
    paint: Paint, folder: Path, captioner: Any, word_encoder: Any
) -> None:
    (folder / "text.jpg").write_text("no photo")
    photos = [paint("red.png", (200, 10, 20)), folder / "text.jpg", paint("blue.png", (10, 20, 200))]
    describer, told = Describer(Models(captioner, word_encoder)), list[tuple[str, int, int]]()
    captions, failures = _caption_all(
        photos, describer, IndexConfig(workers=1), lambda *each: told.append(each)
    )
    assert told == [("Captioning photos", done, 3) for done in range(4)]
    assert (list(captions), list(failures)) == ([photos[0], photos[2]], [photos[1]])
