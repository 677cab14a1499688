"""A real Ray cluster of several nodes gives the rows of a local run, whatever happens to the nodes."""

import dataclasses
import functools
import hashlib
import importlib
import os
import shutil
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer import models as index_models
from indexer.build import build_index
from indexer.captioner.captioner import Caption
from indexer.captioner.loading import DEFAULT_CAPTIONER, find_checkpoint
from indexer.cluster import node_pool
from indexer.cluster.cluster_reader import ClusterReader
from indexer.cluster.ray_cluster import ClusterError, open_cluster
from indexer.config import IndexConfig
from indexer.describing.describer import Describer
from indexer.engine import Engine, choose_reader
from indexer.models import Models
from retrieval.device import count_cores
from retrieval.errors import CheckpointError, RetrievalError, UsageError
from retrieval.store.schema import PhotoRow, Status
from tests.live_rows import rows_of

ray = pytest.importorskip("ray", reason="found no ray")
cluster_utils = pytest.importorskip("ray.cluster_utils", reason="found no ray")

# What nodes run comes from this file, which they cannot import.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

BATCH, BLOCK = 2, 8
CONFIG = IndexConfig(batch_photos=BATCH, shard_rows=8)


class ColourCaptioner:
    """Says each photo's mean colour, and notes in a file which process looked at it."""

    name = "colours"
    image_size = 8
    weights_sha256 = hashlib.sha256(b"colours").hexdigest()

    def __init__(self, log: Path, seconds: float = 0.0) -> None:
        self._log = log
        self._seconds = seconds

    def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
        time.sleep(self._seconds)
        colours = [tuple(pixels.mean(axis=(0, 1)).round().astype(int)) for pixels in pixels_BHWC]
        with self._log.open("a") as log:
            log.writelines(f"{os.getpid()} {red} {green} {blue}\n" for red, green, blue in colours)
        return [
            Caption(("red", str(red), "green", str(green), "blue", str(blue)), -1.0)
            for red, green, blue in colours
        ]


class WatchfulCaptioner(ColourCaptioner):
    """Notes also which processes decode for it."""

    def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
        decoders = [
            number
            for task in Path("/proc/self/task").iterdir()
            for number in (task / "children").read_text().split()
        ]
        with self._log.with_suffix(".decoders").open("a") as log:
            log.writelines(f"{os.getpid()} {number}\n" for number in decoders)
        return super().caption(pixels_BHWC)


class HashEncoder:
    name = "hashes"
    dimension = 16
    weights_sha256 = hashlib.sha256(b"hashes").hexdigest()

    def encode(self, texts):
        seeds = [list(hashlib.sha256(text.encode()).digest()) for text in texts]
        vectors = np.array([np.random.default_rng(seed).standard_normal(16) for seed in seeds]).reshape(
            -1, 16
        )
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


MODELS = (ColourCaptioner.weights_sha256, HashEncoder.weights_sha256)


def load_models(log: Path, seconds: float = 0.0) -> Describer:
    return Describer(Models(ColourCaptioner(log, seconds), HashEncoder()))


def load_watchful(log: Path) -> Describer:
    return Describer(Models(WatchfulCaptioner(log), HashEncoder()))


def die_on_other_nodes(good: str | None, log: Path) -> Describer:
    """On the good node the models; elsewhere the system ends the process, short of memory."""
    with log.with_suffix(".starts").open("a") as starts:
        starts.write("start\n")
    if ray.get_runtime_context().get_node_id() != good:
        os._exit(1)
    return load_models(log, 0.2)


def fail_to_load() -> Describer:
    raise CheckpointError("found no weights")


def fail_otherwise() -> Describer:
    raise RuntimeError("no kernel for this card\nCompile it anew")


class NeedsPackage:
    """Loads models by a package that the nodes have not."""

    def __reduce__(self) -> tuple[Any, ...]:
        return importlib.import_module, ("a_package_of_this_machine",)


@pytest.fixture(scope="module")
def nodes():
    """A head without a CPU and two nodes with one each; a test that ends one starts another."""
    small = {"object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    for _ in range(2):
        cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


@pytest.fixture
def photos(tmp_path):
    """Sixty photos, of which some are the same; and files that are none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(60):
        Image.new("RGB", (16, 12), (number * 4 % 200, 50, number)).save(folder / f"{number:02d}.png")
    for number in (0, 31):
        (folder / f"copy of {number}.png").write_bytes((folder / f"{number:02d}.png").read_bytes())
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "words.jpg").write_bytes(b"Dear diary")
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    return folder


def index_here(photos: Path, index: Path, log: Path):
    return build_index([photos], index, Models(ColourCaptioner(log), HashEncoder()), CONFIG)


def index_there(address: str | None, photos: Path, index: Path, log: Path, load=None, progress=None):
    with open_cluster(address):
        return index_in_cluster(photos, index, log, load, progress)


def index_in_cluster(photos: Path, index: Path, log: Path, load=None, progress=None):
    load = load or functools.partial(load_models, log)
    reader = ClusterReader(load, MODELS, BATCH)
    arguments = {} if progress is None else {"progress": progress}
    models = Models(ColourCaptioner(log), HashEncoder())
    return build_index([photos], index, models, CONFIG, read_photos=reader.read_photos, **arguments)


@contextmanager
def hold_cpus(count: int):
    """Another job, which holds the CPUs of so many nodes."""
    holders = [ray.remote(Holder).options(num_cpus=1).remote() for _ in range(count)]
    ray.get([holder.hold.remote() for holder in holders])
    yield
    for holder in holders:
        ray.kill(holder)


class Holder:
    def hold(self) -> None:
        """Come to life."""


def assert_same_rows(index: Path, other: Path) -> None:
    ours, theirs = rows_of(index), rows_of(other)
    assert ours.keys() == theirs.keys()
    for image_id, row in ours.items():
        for field in dataclasses.fields(row):
            if field.name not in ("attention", "failed_at"):
                np.testing.assert_equal(getattr(row, field.name), getattr(theirs[image_id], field.name))


def test_rows_are_those_of_a_local_run(nodes, photos, tmp_path):
    here, there, log = tmp_path / "here", tmp_path / "there", tmp_path / "log"
    expected = index_here(photos, here, tmp_path / "other log")
    found = index_there(nodes.address, photos, there, log)
    assert dataclasses.replace(found, seconds=0) == dataclasses.replace(expected, seconds=0)
    assert (found.photos, found.failed) == (60, 3)
    assert_same_rows(here, there)
    lines = log.read_text().splitlines()
    assert len(lines) == 60
    assert len({line.split()[0] for line in lines}) == 2
    # Nothing is captioned again but what is new, and what was moved is known.
    (photos / "07.png").rename(photos / "moved.png")
    Image.new("RGB", (16, 12), (1, 2, 3)).save(photos / "new.png")
    again = index_there(nodes.address, photos, there, log)
    assert (again.new, again.photos, len(log.read_text().splitlines())) == (1, 61, 61)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
def test_a_node_decodes_all_its_blocks_in_the_same_processes(nodes, photos, tmp_path):
    log = tmp_path / "log"
    index_there(nodes.address, photos, tmp_path / "index", log, functools.partial(load_watchful, log))
    seen = {tuple(line.split()) for line in log.with_suffix(".decoders").read_text().splitlines()}
    most = max(Counter(node for node, _ in seen).values())
    assert most <= count_cores()
    # They end with the node's worker.
    end = time.monotonic() + 20
    while any(Path("/proc", decoder).is_dir() for _, decoder in seen):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_node_that_is_killed_costs_the_blocks_in_flight_alone(nodes, photos, tmp_path):
    here, there, log = tmp_path / "here", tmp_path / "there", tmp_path / "log"
    index_here(photos, here, tmp_path / "other log")
    victim = nodes.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    nodes.wait_for_nodes()
    killed = []

    def kill(description: str, done: int, total: int) -> None:
        if done >= 20 and not killed:
            killed.append(done)
            nodes.remove_node(victim, allow_graceful=False)

    load = functools.partial(load_models, log, 0.3)
    report = index_there(nodes.address, photos, there, log, load, kill)
    assert killed
    assert (report.new, report.failed) == (60, 3)
    assert_same_rows(here, there)
    assert 60 <= len(log.read_text().splitlines()) <= 60 + 2 * BLOCK


def test_other_models_or_none_on_a_node_are_refused(nodes, photos, tmp_path):
    index, log = tmp_path / "index", tmp_path / "log"
    with pytest.raises(CheckpointError, match=r"\Aon a node of the Ray cluster: found no weights\Z"):
        index_there(nodes.address, photos, index, log, fail_to_load)
    failed = r"\Afound a node .* failed \(RuntimeError: no kernel for this card\), expected [^\n]*\Z"
    with pytest.raises(ClusterError, match=failed):
        index_there(nodes.address, photos, index, log, fail_otherwise)
    models = Models(ColourCaptioner(log), HashEncoder())
    for others in (("0" * 64, MODELS[1]), (MODELS[0], "0" * 64)):
        reader = ClusterReader(functools.partial(load_models, log), others, BATCH)
        with open_cluster(nodes.address), pytest.raises(RetrievalError, match="found models on a node"):
            build_index([photos], index, models, CONFIG, read_photos=reader.read_photos)
    assert not any(row.status is Status.INDEXED for row in _rows_if_any(index))


def _rows_if_any(index: Path) -> list[PhotoRow]:
    return list(rows_of(index).values()) if (index / "CURRENT").exists() else []


def test_models_by_a_relative_path_are_found_by_nodes_in_another_folder(nodes, photos, tmp_path, monkeypatch):
    shipped = find_checkpoint(DEFAULT_CAPTIONER)
    assert shipped is not None
    shutil.copy(shipped, tmp_path / "own.safetensors")
    monkeypatch.chdir(tmp_path)
    config = IndexConfig(captioner="own.safetensors", tagger="none", image_head="none", beam_width=1)
    models = index_models.load_models(config, "cpu")
    with open_cluster(nodes.address):
        reader = choose_reader(Engine.RAY, models, config, "cpu")
        report = build_index([photos / "07.png"], tmp_path / "index", models, config, read_photos=reader)
    assert (report.new, report.failed) == (1, 0)


def test_a_node_that_never_loads_its_models_is_left_out(nodes, photos, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(node_pool, "_SECONDS_BETWEEN_LOOKS", 0.1)
    here, there, log = tmp_path / "here", tmp_path / "there", tmp_path / "log"
    index_here(photos, here, tmp_path / "other log")
    good = next(iter(nodes.worker_nodes)).node_id
    index_there(nodes.address, photos, there, log, functools.partial(die_on_other_nodes, good, log))
    assert_same_rows(here, there)
    assert len(log.with_suffix(".starts").read_text().splitlines()) <= 1 + 3
    index, log = tmp_path / "index", tmp_path / "second log"
    with pytest.raises(
        ClusterError, match=r"\Afound no node .* can load the models[^\n]* unexpectedly exits[^\n]*\Z"
    ):
        index_there(nodes.address, photos, index, log, functools.partial(die_on_other_nodes, None, log))
    assert len(log.with_suffix(".starts").read_text().splitlines()) == 2 * 3
    assert "is left out" in caplog.text
    caplog.clear()
    lacks = r"ModuleNotFoundError: No module named 'a_package_of_this_machine'"
    with pytest.raises(ClusterError, match=rf"\Afound no node [^\n]*\(the last: {lacks}\)[^\n]*\Z"):
        index_there(nodes.address, photos, index, log, NeedsPackage())
    assert f"(the last: {lacks})" in caplog.text


def test_cpus_that_another_job_holds_are_not_waited_for_for_ever(nodes, photos, tmp_path, monkeypatch):
    here, there, log = tmp_path / "here", tmp_path / "there", tmp_path / "log"
    index_here(photos, here, tmp_path / "other log")
    with open_cluster(nodes.address), hold_cpus(1):
        index_in_cluster(photos, there, log)
    assert_same_rows(here, there)
    monkeypatch.setattr(node_pool, "_SECONDS_TO_OPEN", 2)
    with open_cluster(nodes.address), hold_cpus(2):
        start = time.monotonic()
        with pytest.raises(ClusterError, match=r"\Afound no node .* within 2 seconds[^\n]*\Z"):
            index_in_cluster(photos, tmp_path / "index", log)
        assert time.monotonic() - start < 10


def test_a_run_that_loses_all_nodes_says_so_and_is_carried_on(nodes, photos, tmp_path):
    """The last to use these nodes."""
    here, there, log = tmp_path / "here", tmp_path / "there", tmp_path / "log"

    def kill(description: str, done: int, total: int) -> None:
        if done == 30:
            for node in [*nodes.worker_nodes]:
                nodes.remove_node(node, allow_graceful=False)

    with pytest.raises(ClusterError, match="found no node with a CPU"):
        index_there(nodes.address, photos, there, log, functools.partial(load_models, log, 0.1), kill)
    nodes.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    nodes.wait_for_nodes()
    index_there(nodes.address, photos, there, log)
    index_here(photos, here, tmp_path / "other log")
    assert_same_rows(here, there)
    assert len(log.read_text().splitlines()) < 2 * 60


def test_a_cluster_that_does_not_answer_is_said_within_seconds():
    with create_server(("127.0.0.1", 0)) as silent:
        for port in (1, silent.getsockname()[1]):
            start = time.monotonic()
            with (
                pytest.raises(ClusterError, match=rf"\Afound no answer .* at 127.0.0.1:{port}, [^\n]*\Z"),
                open_cluster(f"127.0.0.1:{port}"),
            ):
                pass
            assert time.monotonic() - start < 20


@pytest.mark.parametrize("address", ["", "auto", "10.0.0.1", "ray://10.0.0.1:10001", "a b:1"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError, match="expected a Ray cluster's HOST:PORT"), open_cluster(address):
        pass
