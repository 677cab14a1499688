"""`retrieve calibrate`, and `retrieve search` with what it wrote, on sentences and the real text encoder."""

import itertools
import json
import math
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retrieval.store.files import hash_bytes
from retrieval.store.manifest import ModelRecord, commit_manifest, read_manifest
from retrieval.text.text_encoder import load_text_encoder
from tests.e2e.retrieve import Retrieve

SHIPPED = Path(__file__).parents[2] / "retrieval" / "search" / "calibrations" / "flickr8k.json"
SHOWN = {
    f"/photos/{number}.jpg".encode(): shown
    for number, shown in enumerate(
        itertools.product(
            ("a dog", "a child", "a man on a motorcycle", "a cat"),
            ("plays", "sleeps", "waits"),
            ("on the beach", "in the snow", "beside a log"),
        )
    )
}
SENTENCE = "a dog sleeps in the snow"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are no photos (nobody looks at their pixels), each with two sentences."""
    folder = tmp_path_factory.mktemp("dataset") / "made up"
    (folder / "images").mkdir(parents=True)
    lines = []
    for path, (who, what, where) in SHOWN.items():
        name = Path(path.decode()).name
        # The image_id is the hash of the file's bytes, which the index is told are its path.
        (folder / "images" / name).write_bytes(path)
        captions = [f"{who} {what} {where}", f"{where} {who} {what}, seen from afar"]
        lines.append(json.dumps({"image": name, "captions": captions}))
    (folder / "captions.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, make_index: Callable[..., dict[bytes, str]]) -> Path:
    """Every other caption says half of what its photo shows: wrong photos come before right ones."""
    path = tmp_path_factory.mktemp("calibrated") / "index"
    captions = {
        name: f"{who} somewhere" if number % 2 else f"{who} {what} {where}"
        for number, (name, (who, what, where)) in enumerate(SHOWN.items())
    }
    make_index(path, captions, load_text_encoder())
    captioner = ModelRecord("made up", hash_bytes(b"made up"))
    commit_manifest(path, replace(read_manifest(path), generation=2, captioner=captioner))
    return path


@pytest.fixture(scope="module")
def calibrated(
    tmp_path_factory: pytest.TempPathFactory, data: Path, index: Path, retrieve_here: Retrieve
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The file that was written, and what was said."""
    out = tmp_path_factory.mktemp("calibration") / "made"
    done = retrieve_here("calibrate", data, "--split", "test", "--out", out, "--index", index)
    return out / "calibration.json", done


@pytest.fixture(scope="module")
def search(
    calibrated: tuple[Path, subprocess.CompletedProcess[str]], index: Path, retrieve_here: Retrieve
) -> Retrieve:
    """Searches that index with that file."""
    return lambda *arguments: retrieve_here(
        "search", *arguments, "--index", index, "--calibration", calibrated[0]
    )


def read_hits(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    hits: list[dict[str, Any]] = json.loads(done.stdout)["hits"]
    return hits


def test_what_is_how_likely_is_written_and_told(
    calibrated: tuple[Path, subprocess.CompletedProcess[str]], index: Path
) -> None:
    path, done = calibrated
    fitted_on = "made up, split test: the first 10 photos of 72 sentences"
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr == f"wrote {path}, fitted on {fitted_on}\n"
    assert list(path.parent.iterdir()) == [path]
    document = json.loads(path.read_text())
    manifest = read_manifest(index)
    assert document["captioner_sha256"] == hash_bytes(b"made up")
    assert document["text_encoder_sha256"] == manifest.text_encoder.sha256
    assert document["fitted_on"] == fitted_on
    (curve,) = document["curves"]
    assert list(curve["weights"]) == ["caption"]
    assert curve["weights"]["caption"] > 0 > curve["bias"]


def test_a_search_with_it_says_how_sure_each_hit_is(
    calibrated: tuple[Path, subprocess.CompletedProcess[str]],
    search: Retrieve,
    index: Path,
    retrieve_here: Retrieve,
) -> None:
    (curve,) = json.loads(calibrated[0].read_text())["curves"]
    hits = read_hits(search(SENTENCE, "--json"))
    assert len(hits) == 10
    for hit in hits:
        logit = curve["bias"] + curve["weights"]["caption"] * hit["channels"]["caption"]["score"]
        assert hit["probability"] == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-6)
    plain = read_hits(retrieve_here("search", SENTENCE, "--json", "--index", index))
    assert [hit["probability"] for hit in plain] == [None] * 10
    assert [hit["path"] for hit in plain] == [hit["path"] for hit in hits]
    header, first, *_ = search(SENTENCE).stdout.splitlines()
    assert header.split() == ["rank", "score", "sure", "caption", "photo"]
    assert first.split()[2] == f"{math.floor(100 * hits[0]['probability'])}%"


def test_what_is_not_likely_enough_is_left_out(search: Retrieve) -> None:
    every = read_hits(search(SENTENCE, "--json", "-k", "36"))
    sixth = sorted((hit["probability"] for hit in every), reverse=True)[5]
    found = {}
    for least in (0.5, sixth, 0.99):
        likely = read_hits(search(SENTENCE, "--json", "-k", "36", "--min-probability", str(least)))
        assert likely == [hit for hit in every if hit["probability"] >= least]
        found[least] = len(likely)
    assert len(every) == 36
    assert 36 > found[sixth] >= 6 > found[0.5] > found[0.99] == 0


def test_it_is_said_when_nothing_matches_well(search: Retrieve) -> None:
    said = {text: search(text).stderr.splitlines() for text in (SENTENCE, "a spaceship lands on mars")}
    assert [lines[1:] for lines in said.values()] == [[], ["nothing here matches well"]]


def test_a_calibration_of_other_models_is_refused(index: Path, retrieve_here: Retrieve) -> None:
    done = retrieve_here("search", SENTENCE, "--index", index, "--calibration", SHIPPED)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "found a calibration of other models (" in done.stderr
    assert "expected one of made up, which made this index" in done.stderr


def test_where_nothing_can_be_fitted_nothing_is_written(
    tmp_path: Path, data: Path, index: Path, retrieve_here: Retrieve
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "images").symlink_to(data / "images")
    (tmp_path / "one" / "captions.jsonl").write_text('{"image": "0.jpg", "captions": ["a dog"]}')
    done = retrieve_here(
        "calibrate", tmp_path / "one", "--split", "test", "--out", tmp_path / "out", "--index", index
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "found a photo with 1 caption in split 'test', expected two or more" in done.stderr
    assert not (tmp_path / "out").exists()
