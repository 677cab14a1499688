"""`retrieve bench search` and `open`: the rows of the design, of engines that are there."""

import json
from pathlib import Path

import numpy as np
import pytest

from eval.bench.comparison import Figures
from eval.bench.steps import Built, Opened, Searched
from retrieval.errors import RetrievalError

COLUMNS = ["name", "ours", "reference", "unit", "ratio", "asked"]


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """Vectors in groups: a graph over vectors all equally far would be another matter."""
    rng = np.random.default_rng(0)
    groups = rng.standard_normal((30, 24))
    path = tmp_path / "vectors.npy"
    with path.open("wb") as file:
        array = groups[rng.integers(0, 30, 2000)] + 0.7 * rng.standard_normal((2000, 24))
        np.lib.format.write_array(file, array.astype(np.float32))
    return path


@pytest.mark.slow
def test_rows_beside_another_engine(
    retrieve_here, vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.bench.comparison._OPENED", 1)
    options = ("--vectors", vectors, "--count", "1900", "--queries", "50", "--peer", "retrieve hnsw")
    keep = ("--keep", tmp_path / "keep", "--json")
    rows = []
    for command in ("search", "open"):
        done = retrieve_here("bench", command, *options, *keep)
        assert done.returncode == 0, done.stderr
        rows += json.loads(done.stdout)
    assert [row["name"].split(", beside ") for row in rows] == [
        [name, "retrieve hnsw"]
        for name in (
            "one query at a time",
            "many queries at once",
            "ann_recall@10",
            "memory of a search",
            "time to build",
            "memory to build",
            "from opening to the first answer",
            "on disk",
        )
    ]
    for row in rows:
        assert list(row) == COLUMNS
        more = row["unit"] in ("queries/s", "share")
        better, worse = (row["ours"], row["reference"]) if more else (row["reference"], row["ours"])
        assert row["ratio"] == pytest.approx(better / worse)
        assert row["asked"] == (0.99 if row["unit"] == "share" else 1.0)
    one, many, recall, *_ = rows
    assert one["ours"] > 0
    assert many["reference"] > 0
    # Several threads build a graph, never the same one twice.
    assert (recall["ours"], recall["reference"] >= 0.95) == (1.0, True)


def test_a_source_that_is_not_there_is_refused_in_one_line(retrieve_here, tmp_path: Path) -> None:
    for option, said in (
        ("--captions", "found no captions in"),
        ("--vectors", "found no vectors in"),
        ("--index", "found no index in"),
    ):
        done = retrieve_here("bench", "search", option, tmp_path / "nowhere", "--peer", "milvus lite")
        assert done.returncode in (1, 2), done.stderr
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_growth_is_a_table_and_a_picture(
    retrieve_here, vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What takes processes is measured for real in the unit test of growth.
    figures = Figures("", Built(1.0, 1), Searched(0, 1.0, 500.0, 900.0), Opened(0.1, 1), 1000)
    monkeypatch.setattr("eval.growth.measurement.measure", lambda kind, data: figures)
    config, picture = tmp_path / "growth.toml", tmp_path / "growth.png"
    config.write_text(
        "sizes = [300, 900]\nqueries = 20\nphotos = [40_700_000]\ncpu_photos_per_second = 40.7\n"
    )
    options = ("--vectors", vectors, "--config", config, "--index", tmp_path / "none", "--picture", picture)
    done = retrieve_here("bench", "growth", *options)
    assert done.returncode == 0, done.stderr
    for size in (300, 900):
        for kind in ("flat", "ivf_sq8", "ivf_pq", "hnsw"):
            assert f"\n| {size} | {kind} | " in done.stdout
    assert "Of 2,000 vectors of vectors.npy; beyond those, perturbed from them" in done.stdout
    assert "| indexing, two cores, 40.7 photos/s | 12 days |" in done.stdout
    assert "| the CNN alone, one NVIDIA H200, 5,756.0 photos/s | 2.0 h |" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "found"), [((), "named"), (("--index", "other"), "other"), (None, "index")]
)
def test_growth_looks_at_the_index_that_every_command_does(
    retrieve_here, options: tuple[str, ...] | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(index: Path) -> float:
        raise RetrievalError(f"looked at {index}")

    monkeypatch.setattr("eval.growth.photo_bytes.measure_photo_bytes", stop)
    if options is None:
        monkeypatch.delenv("RETRIEVE_INDEX", raising=False)
    else:
        monkeypatch.setenv("RETRIEVE_INDEX", "named")
    done = retrieve_here("bench", "growth", *(options or ()))
    assert done.stderr == f"retrieve: error: looked at {found}\n"


def test_two_sources_are_refused(retrieve_here, vectors: Path, tmp_path: Path) -> None:
    done = retrieve_here(
        "bench", "search", "--vectors", vectors, "--index", tmp_path, "--peer", "milvus lite"
    )
    assert done.returncode == 2
    assert "found --vectors and --index, expected one of them" in done.stderr


def test_an_unknown_key_of_growth_is_refused(retrieve_here, vectors: Path, tmp_path: Path) -> None:
    config = tmp_path / "growth.toml"
    config.write_text("size = [1, 2]\n")
    done = retrieve_here("bench", "growth", "--vectors", vectors, "--config", config)
    assert done.returncode == 2
    assert "size" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
