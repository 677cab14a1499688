"""`retrieve index --engine ray` as a person types it, on a cluster of this machine's own."""

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.retrieve import RETRIEVE


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("navy", "olive", "teal"):
        Image.new("RGB", (50, 40), name).save(folder / f"{name}.png")
    (folder / "empty.jpg").write_bytes(b"")
    return folder


def retrieve(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RETRIEVE, *arguments], capture_output=True, text=True, check=False, timeout=200)


@pytest.mark.slow
def test_photos_are_indexed_on_a_cluster(tmp_path: Path, photos: Path, tiny_checkpoint: Path) -> None:
    pytest.importorskip("ray", reason="found no ray")
    config, index = tmp_path / "index.toml", tmp_path / "index"
    config.write_text(f'captioner = "{tiny_checkpoint}"\nimage_head = "none"\ntagger = "none"\n')
    command = ("index", photos, "--index", index, "--config", config, "--json", "--engine", "ray")
    done = retrieve(*command)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"not indexed: {photos}/empty.jpg: empty_file: the file has no bytes\n"
    document = json.loads(done.stdout)
    assert (document["new"], document["failed"], document["photos"]) == (3, 1, 3)
    # Nothing to do is found out without a cluster.
    again = retrieve(*command)
    assert (json.loads(again.stdout)["unchanged"], json.loads(again.stdout)["seconds"] < 5) == (3, True)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "a..b:1"])
def test_a_cluster_that_cannot_be_had_is_one_line_and_nothing_is_written(
    tmp_path: Path, photos: Path, address: str
) -> None:
    pytest.importorskip("ray", reason="found no ray")
    index = tmp_path / "index"
    done = retrieve("index", photos, "--index", index, "--engine", "ray", "--ray-address", address)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"retrieve: error: found no answer from a Ray cluster at {address}, ")
    assert not index.exists()


def test_an_address_without_its_engine_is_refused(tmp_path: Path, photos: Path) -> None:
    done = retrieve("index", photos, "--index", tmp_path / "index", "--ray-address", "127.0.0.1:1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "found --ray-address without --engine ray" in done.stderr
