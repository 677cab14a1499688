"""`retrieve verify`, `repair`, `compact` and `info --failures` as a person types them."""

import dataclasses
import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retrieval.channels.vector_index import vectors_path
from retrieval.generations.commit import commit_next
from retrieval.generations.derived import build_derived
from retrieval.generations.inventory import list_files
from retrieval.store.manifest import read_manifest
from retrieval.store.schema import PhotoRow, Status, photo_schema
from retrieval.store.shards import shard_path, write_shard
from tests.e2e.retrieve import RETRIEVE

Retrieve = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def retrieve(retrieve_here: Callable[..., subprocess.CompletedProcess[str]]) -> Retrieve:
    """Runs a command: (exit code, lines on stdout, lines on stderr)."""

    def call(*arguments: str, cwd: Path) -> tuple[int, list[str], list[str]]:
        return split(retrieve_here(*arguments, cwd=cwd))

    return call


def split(done: subprocess.CompletedProcess[str]) -> tuple[int, list[str], list[str]]:
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


@pytest.fixture
def folder(tmp_path: Path, make_index: Any, word_encoder: Any) -> Path:
    """A folder whose `index` holds five photos in two shards."""
    make_index(
        tmp_path / "index", {b"/%d.jpg" % number: f"photo {number}" for number in range(5)}, word_encoder
    )
    return tmp_path


def test_whole_index(folder: Path, retrieve: Retrieve) -> None:
    manifest = read_manifest(folder / "index")
    files = [folder / "index" / "CURRENT", *(folder / "index").glob("*/*")]
    size = sum(path.stat().st_size for path in files)
    done = subprocess.run([RETRIEVE, "verify"], capture_output=True, text=True, check=False, cwd=folder)
    assert split(done) == (0, [f"5 files ({size} bytes) of generation 1 are as they were written"], [])
    assert retrieve("verify", "--fast", cwd=folder)[1] == [
        f"5 files ({size} bytes) of generation 1 have the right size"
    ]
    code, [line], _ = retrieve("verify", "--json", cwd=folder)
    assert (code, json.loads(line)) == (0, {"generation": 1, "files": 5, "bytes": size, "damaged": []})
    assert retrieve("repair", cwd=folder)[:2] == (
        0,
        ["nothing to repair: generation 1 with 5 photos (5 before)"],
    )
    assert read_manifest(folder / "index") == manifest


def test_damaged_index_is_named_and_repaired(folder: Path, retrieve: Retrieve) -> None:
    path = vectors_path(folder / "index", read_manifest(folder / "index").vectors[0])
    path.write_bytes(path.read_bytes()[:-1])
    code, out, err = retrieve("verify", "--fast", cwd=folder)
    assert (code, len(out)) == (1, 1)
    assert out[0].startswith(f"damaged: vectors/{path.name}: found ")
    assert err == [
        "retrieve: error: found 1 damaged of 5 files in index, expected none; "
        "run `retrieve repair --index index`"
    ]
    code, out, err = retrieve("verify", "--json", cwd=folder)
    assert (code, json.loads(out[0])["damaged"][0]["path"]) == (1, f"vectors/{path.name}")
    code, out, err = retrieve("search", "a dog", cwd=folder)
    assert (code, out, len(err)) == (1, [], 1)
    assert "run `retrieve repair`" in err[0]
    code, out, err = retrieve("repair", cwd=folder)
    assert (code, err) == (0, [])
    assert out[-1] == "repaired: generation 2 with 5 photos (5 before)"
    assert retrieve("verify", cwd=folder)[0] == 0
    assert (folder / "index" / "quarantine" / path.name).exists()


def test_the_repair_that_is_advised_can_be_pasted(folder: Path, retrieve: Retrieve) -> None:
    index = (folder / "index").rename(folder / "Tom's photos")
    path = vectors_path(index, read_manifest(index).vectors[0])
    path.write_bytes(path.read_bytes()[:-1])
    _, _, [error] = retrieve("verify", "--index", index.name, cwd=folder)
    advised = shlex.split(error.split("`")[1])
    assert advised == ["retrieve", "repair", "--index", "Tom's photos"]
    assert retrieve(*advised[1:], cwd=folder)[0] == 0


def test_compaction_says_what_it_did(folder: Path, retrieve: Retrieve) -> None:
    generation_1 = [path for path in (folder / "index").glob("*/*") if path.is_file()]
    code, out, err = retrieve("compact", cwd=folder)
    assert (code, err) == (0, [])
    kept = {file.path for file in list_files(folder / "index", read_manifest(folder / "index"))}
    later = sum(path.stat().st_size for path in generation_1 if path not in kept)
    assert later > 0
    assert out == [
        f"2 shards with 5 rows became 1 with 5; 0 bytes freed, {later} more will be with the next "
        "change: until then the generation before is kept; 5 photos (generation 2)"
    ]
    _, [line], _ = retrieve("compact", "--json", cwd=folder)
    assert json.loads(line) == {
        "generation": 2,
        "photos": 5,
        "shards_before": 1,
        "shards": 1,
        "rows_before": 5,
        "rows": 5,
        "freed": 0,
        "freed_later": later,
    }


def test_failures_are_listed_with_code_reason_and_time(folder: Path, retrieve: Retrieve) -> None:
    index = folder / "index"
    manifest = read_manifest(index)
    row = PhotoRow("f" * 64, (b"/caf\xe9\n.jpg",), Status.FAILED, reason="truncated: ends too soon")
    schema = photo_schema(manifest.caption_dimension)
    shard = write_shard(index, [row], schema, "2026-11-23T12:00:00+00:00")
    shards = (*manifest.shards, shard)
    commit_next(index, build_derived(index, dataclasses.replace(manifest, shards=shards)))
    assert retrieve("info", "--failures", cwd=folder) == (
        0,
        ["2026-11-23T12:00:00+00:00  truncated          /caf\\xe9\\n.jpg: ends too soon"],
        [],
    )
    _, [line], _ = retrieve("info", "--failures", "--json", cwd=folder)
    assert json.loads(line) == {
        "index": "index",
        "failures": [
            {
                "path": "/caf\\xe9\\n.jpg",
                "code": "truncated",
                "reason": "ends too soon",
                "when": "2026-11-23T12:00:00+00:00",
            }
        ],
    }
    assert shard_path(index, shard.sha256).exists()


@pytest.mark.parametrize("command", ["verify", "repair", "compact"])
def test_without_an_index_one_line_says_so_and_nothing_is_made(
    tmp_path: Path, command: str, retrieve: Retrieve
) -> None:
    code, out, err = retrieve(command, cwd=tmp_path)
    assert (code, out, len(err)) == (1, [], 1)
    assert err[0].startswith(f"retrieve: error: found no index in {tmp_path / 'index'}, expected a folder ")
    assert list(tmp_path.iterdir()) == []
