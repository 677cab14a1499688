"""Growth: what was measured, and the arithmetic from there on."""

import json
import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import retrieval.channels
from eval.bench import step_process
from eval.bench.comparison import Figures
from eval.bench.peers.peer import Peer
from eval.bench.steps import Built, Opened, Searched
from eval.growth import measurement
from eval.growth.chart import draw_growth
from eval.growth.config import GpuFigures, GpuFlat, GrowthConfig
from eval.growth.measurement import Grown, measure_growth
from eval.growth.paper import count_hours, find_laws
from eval.growth.photo_bytes import measure_photo_bytes
from eval.growth.tables import format_bytes, format_hours, format_seconds, render_growth
from retrieval.channels.faiss_installation import import_faiss
from retrieval.config import load_config
from retrieval.errors import ConfigError
from retrieval.progress import no_progress
from retrieval.store.manifest import read_manifest

FLAT = Grown("flat", 10_000, 1.5, 1.0, 1000.0, 1.0, 15_440_000, 90_000_000)
GROWN = (
    FLAT,
    replace(FLAT, kind="ivf_pq", query_ms=5.0 / 100**0.6),
    replace(FLAT, vectors=1_000_000, query_ms=100.0, disk_bytes=1_544_000_000),
    replace(FLAT, kind="ivf_pq", vectors=1_000_000, query_ms=5.0, disk_bytes=1_600_000_000),
)


def test_a_query_grows_as_it_did_between_the_largest_sizes() -> None:
    flat, lists = find_laws([replace(FLAT, vectors=1000, query_ms=77.0), *GROWN])
    assert (flat.kind, flat.measured, flat.power, flat.vector_bytes) == ("flat", 1_000_000, 1.0, 1544)
    assert lists.power == pytest.approx(0.6)
    assert flat.query_ms_of(1_000_000) == 100.0
    assert flat.query_ms_of(10**9) == pytest.approx(100_000.0)
    assert lists.query_ms_of(10**8) == pytest.approx(5.0 * 100**0.6)


@pytest.mark.parametrize(("kind", "power", "ms"), [("flat", 1.0, 110.0), ("ivf_pq", 0.5, 11.0)])
def test_a_query_grows_at_least_as_what_it_looks_at(kind: str, power: float, ms: float) -> None:
    small = replace(FLAT, kind=kind)
    (law,) = find_laws([small, replace(small, vectors=1_000_000, query_ms=1.1)])
    assert law.power == power
    assert law.query_ms_of(10**8) == pytest.approx(ms)


def test_hours() -> None:
    assert count_hours(3_600_000, 100.0) == 10.0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (format_bytes(999), "999 B"),
        (format_bytes(1.54e9), "1.5 GB"),
        (format_bytes(4.32e12), "4.3 TB"),
        (format_bytes(2e15), "2.0 PB"),
        (format_hours(0.001), "4 s"),
        (format_hours(0.5), "30 min"),
        (format_hours(6.83), "6.8 h"),
        (format_hours(682.5), "28 days"),
        (format_hours(24 * 365 * 3), "3 years"),
        (format_seconds(0.0034), "3.4 ms"),
        (format_seconds(34.0), "34.0 s"),
    ],
)
def test_units_that_people_read(said: str, expected: str) -> None:
    assert said == expected


def test_the_tables_carry_their_arithmetic() -> None:
    config = GrowthConfig(
        photos=(1_000_000, 100_000_000), cpu_photos_per_second=50, cnn_photos_per_second=200
    )
    page = render_growth(GROWN, config, 4300.0, "9 caption vectors of some")
    assert "| 1,000,000 | ivf_pq | 1.5 s | 5.00 ms | 1,000/s | 1.000 | 1,600 B | 90 MB |" in page
    assert "Of 9 caption vectors of some; beyond those, perturbed from them (Gaussian noise of" in page
    assert "| photos | 1,000,000 | 100,000,000 |" in page
    assert "| shards, 4,300 B a photo | 4.3 GB | 430.0 GB |" in page
    assert "| vectors of a channel, ivf_pq, 1,600 B a photo | 1.6 GB | 160.0 GB |" in page
    assert "| indexing, two cores, 50.0 photos/s | 5.6 h | 23 days |" in page
    assert "| the CNN alone, two cores, 200.0 photos/s | 1.4 h | 6 days |" in page
    assert "| the CNN alone, one NVIDIA H200, 5,756.0 photos/s | 3 min | 4.8 h |" in page
    assert "| the CNN alone, 100 of them, 575,600.0 photos/s | 2 s | 3 min |" in page
    assert "| one query, flat, 100.00 ms × (photos / 1,000,000)^1.00 | 100.0 ms | 10.0 s |" in page
    assert "| one query, ivf_pq, 5.00 ms × (photos / 1,000,000)^0.60 | 5.0 ms | 79.2 ms |" in page


def test_an_index_that_is_not_there() -> None:
    assert "shards" not in render_growth(GROWN, GrowthConfig(), 0.0, "vectors")


def test_search_on_a_gpu_beside_what_its_memory_allows() -> None:
    measured = GpuFlat(vectors=1_000_000, query_ms=0.75, queries_per_second=4200.4)
    gpu = GpuFigures(name="H100", cnn_photos_per_second=9, bytes_per_second=3e12, flat=(measured,))
    page = render_growth(GROWN, GrowthConfig(gpu=gpu), 0.0, "vectors")
    assert "| caption vectors, flat, on one H100 | one query | at least | many at once |" in page
    assert "| 1,000,000 | 0.75 ms | 0.51 ms = 1.5 GB / 3.0 TB/s | 4,200/s |" in page
    assert "| the CNN alone, one H100, 9.0 photos/s | 30.9 h |" in page


@pytest.mark.parametrize(("line", "key"), [('name = "H100"', "gpu.cnn_photos"), ("flat = []", "gpu.name")])
def test_a_gpu_by_name_alone_or_nameless_is_refused(tmp_path: Path, line: str, key: str) -> None:
    (tmp_path / "growth.toml").write_text(f"[gpu]\n{line}\n")
    with pytest.raises(ConfigError, match=key):
        load_config(GrowthConfig, tmp_path / "growth.toml")


def test_the_shipped_config_has_the_defaults() -> None:
    path = Path(__file__).parents[4] / "configs" / "growth.toml"
    assert load_config(GrowthConfig, path) == GrowthConfig()
    assert set(GrowthConfig.model_fields) == set(tomllib.loads(path.read_text()))


@pytest.mark.parametrize("sizes", [[], [10], [10, 10], [20, 10], [0, 10]])
def test_sizes_that_do_not_grow_are_refused(tmp_path: Path, sizes: list[int]) -> None:
    (tmp_path / "growth.toml").write_text(f"sizes = {sizes}\n")
    with pytest.raises(ConfigError, match="each larger than the one before"):
        load_config(GrowthConfig, tmp_path / "growth.toml")


def test_bytes_of_a_photo(tmp_path: Path, make_index, word_encoder) -> None:
    assert measure_photo_bytes(tmp_path) == 0
    make_index(
        tmp_path, {b"a.jpg": "a dog", b"b.jpg": "a cat", b"c.jpg": "a hat", b"d.jpg": "x"}, word_encoder
    )
    files = list((tmp_path / "shards").iterdir())
    assert len(files) == len(read_manifest(tmp_path).shards) == 2
    assert measure_photo_bytes(tmp_path) == sum(file.stat().st_size for file in files) / 4


def test_another_faiss_or_other_code_or_vectors_are_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def measure(kind: type, data: Path) -> Figures:
        measured.append(kind)
        return Figures("", Built(1.0, 1), Searched(1.0, 1.0, 1.0, 1), Opened(1.0, 1), 1)

    def count_measured(sign: float = 1) -> int:
        measured.clear()
        measure_growth(sign * np.eye(20, dtype=np.float32), config, tmp_path, no_progress)
        return len(measured)

    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text("k = 1")
    monkeypatch.setattr(measurement, "_CODE", tmp_path / "code")
    monkeypatch.setattr(measurement, "measure", measure)
    config = GrowthConfig(sizes=(3, 5), queries=2)
    assert [count_measured(), count_measured()] == [8, 0]
    (tmp_path / "code" / "index.py").write_text("k = 2")
    assert [count_measured(), count_measured()] == [8, 0]
    monkeypatch.setattr(import_faiss(), "__version__", "0.0")
    assert [count_measured(), count_measured()] == [8, 0]
    assert count_measured(sign=-1) == 8
    monkeypatch.undo()
    assert measurement._CODE == Path(retrieval.channels.__file__).parent


def run_step_here(step: str, peer: type[Peer], data: Path, folder: Path, **settings: float) -> dict[str, Any]:
    """As `run_step`, without a process of its own, which takes longer to begin than to measure so little."""
    where = {"module": peer.__module__, "class": peer.__qualname__, "data": str(data), "folder": str(folder)}
    return asdict(step_process._run({"step": step, **where, **settings}))


def test_each_kind_is_measured_at_each_size_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.bench.comparison.run_step", run_step_here)
    vectors_ND = np.random.default_rng(0).standard_normal((600, 32)).astype(np.float32)
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    config = GrowthConfig(sizes=(100, 700), queries=5)
    grown = measure_growth(vectors_ND, config, tmp_path, no_progress)
    assert [(each.vectors, each.kind) for each in grown] == [
        (size, kind) for size in (100, 700) for kind in ("flat", "ivf_sq8", "ivf_pq", "hnsw")
    ]
    for each in grown:
        assert each.ann_recall == 1
        assert each.disk_bytes > each.vectors * 32 * 4
        assert min(each.query_ms, each.queries_per_second, each.build_seconds) > 0
    (file,) = tmp_path.glob("growth-*/flat-100.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "query_ms": 42.0}))
    again = measure_growth(vectors_ND, config, tmp_path, no_progress)
    assert again[0].query_ms == 42.0
    assert list(again[1:]) == list(grown[1:])
    draw_growth(again, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
