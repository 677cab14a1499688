"""What `search` and `similar` print of photos that show the same, folded and not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.describing.photo_vector import PhotoVector
from retrieval.channel import Channel
from retrieval.command.main import run

Retrieve = Callable[..., tuple[str, list[tuple[str, int]]]]


@pytest.fixture
def rows(photo: Callable[..., Any]) -> list[Any]:
    return [photo(name, f"a {name}") for name in ("dog", "cat", "dog again", "car", "dog and cat")]


@pytest.fixture
def retrieve(
    open_engine: Callable[..., Any],
    rows: list[Any],
    tmp_path: Path,
    word_encoder: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Retrieve:
    """Runs a command on an index in which two photos show what "dog" and "car" do.

    Returns its table, and of its JSON each photo's name and how many it stands for beside itself.
    """
    vectors_ND = np.zeros((5, 48), dtype=np.float32)
    angles_N = np.deg2rad([0, 90, 2, 60, 61])
    vectors_ND[:, 0], vectors_ND[:, 1] = np.cos(angles_N), np.sin(angles_N)
    open_engine(rows, vectors_ND)
    monkeypatch.setattr("retrieval.text.lazy_text_encoder.load_text_encoder", lambda *_: word_encoder)

    def call(*arguments: str) -> tuple[str, list[tuple[str, int]]]:
        outs = []
        for form in ("table", "json"):
            assert run([*arguments, "--format", form, "--index", str(tmp_path / "index")]) == 0
            outs.append(capsys.readouterr().out)
        hits = json.loads(outs[1])["hits"]
        return outs[0], [(Path(hit["path"]).stem, len(hit["duplicates"])) for hit in hits]

    return call


def test_search_lists_photos_that_show_the_same_once_or_each(retrieve: Retrieve) -> None:
    table, folded = retrieve("search", "a dog", "--channel", "caption")
    assert folded[0] == ("dog", 1)
    assert len(folded) == 3
    assert sum(1 + alike for _, alike in folded) == 5
    assert table.count(" (+1 alike)") == 2
    table, apart = retrieve("search", "a dog", "--channel", "caption", "--no-fold")
    assert sorted(apart) == [("car", 0), ("cat", 0), ("dog", 0), ("dog again", 0), ("dog and cat", 0)]
    assert "alike" not in table


def test_similar_lists_photos_that_show_the_same_once_or_each(retrieve: Retrieve, rows: list[Any]) -> None:
    cat = rows[1].image_id
    table, folded = retrieve("similar", cat)
    assert folded == [("dog and cat", 1), ("dog again", 1)]
    assert table.count(" (+1 alike)") == 2
    table, apart = retrieve("similar", cat, "--no-fold")
    assert apart == [("dog and cat", 0), ("car", 0), ("dog again", 0), ("dog", 0)]
    assert "alike" not in table


def test_so_does_similar_to_a_photo_outside_the_index(
    retrieve: Retrieve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = PhotoVector(Channel.IMAGE, np.eye(48, dtype=np.float32)[1])
    monkeypatch.setattr("indexer.describing.photo_vector.encode_photo", lambda *_: seen)
    (tmp_path / "other.jpg").write_bytes(b"a cat, it is said")
    _, folded = retrieve("similar", str(tmp_path / "other.jpg"))
    assert folded == [("cat", 0), ("dog and cat", 1), ("dog again", 1)]
    _, apart = retrieve("similar", str(tmp_path / "other.jpg"), "--no-fold")
    assert apart == [("cat", 0), ("dog and cat", 0), ("car", 0), ("dog again", 0), ("dog", 0)]
