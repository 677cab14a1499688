"""`retrieve index` as a person types it: the real captioner's code, the real text encoder, real photos.

Most tests use a checkpoint of random weights on the smallest CNN: what it says is nonsense, but the same
nonsense every time, and it is there as soon as it is asked for.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from indexer.samples import find_samples, write_samples
from retrieval.runtime import Runtime, pick_runtimes
from retrieval.store.manifest import read_manifest
from retrieval.store.schema import Status
from tests.e2e.retrieve import RETRIEVE, Retrieve
from tests.live_rows import iterate_live_rows

KEYS = ["new", "unchanged", "updated", "removed", "failed", "photos", "generation", "seconds"]


def retrieve(*arguments: str | bytes | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RETRIEVE, *arguments], capture_output=True, text=True, check=False, cwd=cwd, errors="surrogateescape"
    )


def test_a_folder_is_indexed_then_searched_then_followed(
    tmp_path: Path, tiny_config: Path, retrieve_here: Retrieve
) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    write_samples(photos)
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "tex\nt.jpg").write_bytes(b"Dear diary")
    Image.new("RGB", (50, 40), "navy").save(os.fsencode(photos) + b"/caf\xe9.png", format="PNG")
    count = len(find_samples()) + 1

    def index_photos() -> subprocess.CompletedProcess[str]:
        return retrieve_here("index", photos, "--index", index, "--config", tiny_config, "--json")

    first = index_photos()
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    assert list(document) == KEYS
    assert 0 < document.pop("seconds") < 600
    assert list(document.values()) == [count, 0, 0, 0, 2, count, 1]
    assert first.stderr.splitlines() == [
        f"not indexed: {photos}/empty.jpg: empty_file: the file has no bytes",
        f"not indexed: {photos}/tex\\nt.jpg: not_an_image: none of JPEG, PNG, WEBP, BMP, GIF, TIFF, AVIF",
    ]

    found = retrieve_here("search", "a dog", "--index", index, "-k", "100", "--json")
    assert found.returncode == 0, found.stderr
    paths = [hit["path"] for hit in json.loads(found.stdout)["hits"]]
    expected = [str(photos / path.name) for path in find_samples()] + [f"{photos}/caf\\xe9.png"]
    assert sorted(paths) == sorted(expected)

    (photos / "chelsea.png").rename(photos / "cat.png")
    (photos / "rocket.jpg").unlink()
    (photos / "empty.jpg").unlink()
    second = index_photos()
    assert second.returncode == 0, second.stderr
    assert list(json.loads(second.stdout).values())[:7] == [0, count - 2, 1, 1, 1, count - 1, 2]
    rows = [row for _, row in iterate_live_rows(index, read_manifest(index))]
    indexed = [row for row in rows if row.status is Status.INDEXED]
    assert len(indexed) == count - 1
    assert all(row.attention is not None and row.captions[0].text for row in indexed)
    # The random decoder may say one thing of all photos, but what it says is made of its words.
    assert {row.attention.words for row in indexed} == {
        tuple(row.captions[0].text.split()) for row in indexed
    }


def test_an_empty_folder_makes_an_empty_index(
    tmp_path: Path, tiny_config: Path, retrieve_here: Retrieve
) -> None:
    (tmp_path / "photos").mkdir()
    done = retrieve_here("index", "photos", "--config", tiny_config, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "0 new, 0 unchanged, 0 updated, 0 removed, 0 failed; 0 photos in index (generation 1) after "
    )
    found = retrieve_here("search", "a dog", "--json", cwd=tmp_path)
    assert json.loads(found.stdout)["hits"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["index"], 2, "PHOTOS"),
        (["index", "nowhere"], 1, "found nothing at nowhere, expected a folder of photos or a photo"),
        (
            ["index", ".", "--config", "wrong.toml"],
            2,
            "unknown key 'beam_widht', the nearest known one is 'beam_width'",
        ),
        (["index", ".", "--config", "none.toml"], 2, "found no config file none.toml"),
        (["index", ".", "--device", "abacus"], 2, "abacus"),
        (["index", ".", "--config", "lost.toml"], 1, "no captioner checkpoint at lost.safetensors"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    tmp_path: Path, arguments: list[str], code: int, message: str, retrieve_here: Retrieve
) -> None:
    (tmp_path / "wrong.toml").write_text("beam_widht = 3\n")
    (tmp_path / "lost.toml").write_text('captioner = "lost.safetensors"\n')
    before = sorted(tmp_path.iterdir())
    done = retrieve_here(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("retrieve: error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_other_captioner_is_refused_in_one_line(
    tmp_path: Path, tiny_config: Path, tiny_checkpoint: Path, retrieve_here: Retrieve
) -> None:
    Image.new("RGB", (50, 40), "navy").save(tmp_path / "a.png")
    first = retrieve_here("index", "a.png", "--config", tiny_config, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    manifest = read_manifest(tmp_path / "index")
    other = tmp_path / "other.toml"
    other.write_text(tiny_config.read_text().replace("tiny", "other"))
    data = bytearray(tiny_checkpoint.read_bytes())
    data[-1] ^= 1
    tiny_checkpoint.with_name("other.safetensors").write_bytes(data)
    second = retrieve_here("index", "a.png", "--config", other, cwd=tmp_path)
    assert second.returncode == 1
    [line] = second.stderr.splitlines()
    assert line.startswith("retrieve: error: found captioner other on efficientnet-lite0 (")
    assert line.endswith(
        "caption all its photos again: with --recaption of `retrieve index`, or `recaption = true` in the "
        "config of the index"
    )
    assert read_manifest(tmp_path / "index") == manifest


def test_two_runs_over_the_same_photos_give_the_same_shards(
    tmp_path: Path, tiny_checkpoint: Path, retrieve_here: Retrieve
) -> None:
    write_samples(tmp_path / "photos")
    (tmp_path / "photos" / "text.jpg").write_bytes(b"Dear diary")
    # In the runtime that is chosen where the config says nothing of it.
    config, other = tmp_path / "config.toml", tmp_path / "other.toml"
    config.write_text(f'captioner = "{tiny_checkpoint}"\n')
    other.write_text(config.read_text() + "workers = 3\n")
    for run, index, settings in ((retrieve, "one", config), (retrieve_here, "two", other)):
        done = run("index", "photos", "--index", index, "--config", settings, "--device", "cpu", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    one, two = read_manifest(tmp_path / "one"), read_manifest(tmp_path / "two")
    assert [shard.sha256 for shard in one.shards] == [shard.sha256 for shard in two.shards]
    assert one.vectors == two.vectors


def test_the_shipped_captioner_tells_sample_photos_apart(tmp_path: Path, retrieve_here: Retrieve) -> None:
    photos = tmp_path / "photos"
    write_samples(photos)
    done = retrieve_here("index", photos, "--index", tmp_path / "index", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = retrieve_here(
        "search", "a cat looks at the camera", "--index", tmp_path / "index", "-k", "11", "--json"
    )
    hits = json.loads(found.stdout)["hits"]
    assert len(hits) == len(find_samples())
    assert all(hit["caption"] for hit in hits)
    assert len({hit["caption"] for hit in hits}) > len(hits) / 2
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)
    # No caption says so, but a tag does.
    found = retrieve_here(
        "search", "Espresso!", "--index", tmp_path / "index", "--channel", "lexical", "--json"
    )
    assert [Path(hit["path"]).name for hit in json.loads(found.stdout)["hits"]] == ["coffee.png"]


@pytest.mark.slow
def test_bench_prints_the_rows_of_the_design(tmp_path: Path, tiny_checkpoint: Path) -> None:
    small = tmp_path / "small.toml"
    small.write_text(f'captioner = "{tiny_checkpoint}"\nbatch_photos = 4\n')
    done = retrieve("bench", "index", "--count", "24", "--config", small, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    runtimes = pick_runtimes(Runtime.AUTO, "cpu")
    assert [row["name"] for row in rows] == [
        *(f"index in {runtime}" for runtime in runtimes),
        f"index in {runtimes[0]}, beside plain torch",
        "memory",
        "memory, 24 photos after 12",
    ]
    for row in rows:
        assert list(row) == ["name", "ours", "reference", "unit", "ratio", "asked"]
        assert row["ours"] > 0
        assert row["reference"] > 0
    *speeds, plain, memory, growth = rows
    for speed in (*speeds, plain):
        assert speed["ratio"] == pytest.approx(speed["ours"] / speed["reference"])
    assert {speed["asked"] for speed in speeds} == {0.7}
    assert (plain["ours"], plain["asked"]) == (speeds[0]["ours"], 3.0)
    assert (memory["reference"], memory["unit"], memory["asked"]) == (2000, "MB", 1.0)
    assert memory["ratio"] == pytest.approx(2000 / memory["ours"])
    # Twice the photos are not twice the memory; of so few the libraries' own first batches show.
    assert growth["ratio"] > 0.8
