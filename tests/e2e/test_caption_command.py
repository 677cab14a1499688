"""`retrieve caption` as a person types it, with the captioner that is shipped."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.samples import write_samples
from retrieval.store.manifest import read_manifest
from tests.e2e.retrieve import RETRIEVE, Retrieve
from tests.live_rows import iterate_live_rows


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder)
    return folder


def test_one_photo_gives_one_sentence_and_a_drawing_of_every_word(samples: Path, tmp_path: Path) -> None:
    command = [RETRIEVE, "caption", samples / "astronaut.png", "--attention", tmp_path / "words.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (sentence,) = done.stdout.splitlines()
    words = sentence.split()
    assert {"man", "woman", "person", "girl", "boy", "people"} & set(words)
    drawing = Image.open(tmp_path / "words.png").convert("RGB")
    panels = len(words) + 1
    rows = -(-panels // 7)
    assert drawing.size == (10 + -(-panels // rows) * 230, 10 + rows * (220 + 30 + 10))
    first_HWC = np.asarray(drawing)[40:260, 10:230].astype(int)
    word_HWC = np.asarray(drawing)[40:260, 240:460].astype(int)
    assert word_HWC.mean() < 0.9 * first_HWC.mean()
    assert np.ptp(word_HWC, axis=2).mean() < 0.7 * np.ptp(first_HWC, axis=2).mean()
    assert (np.abs(word_HWC - first_HWC).max(axis=2) < 12).mean() > 0.005


def test_json_names_every_photo_and_a_bad_one_only_costs_itself(
    samples: Path, tmp_path: Path, retrieve_here: Retrieve
) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    photos = [samples / "chelsea.png", tmp_path / "empty.jpg", samples / "rocket.jpg"]
    done = retrieve_here("caption", *photos, "--json")
    assert done.returncode == 0
    rows = json.loads(done.stdout)["captions"]
    assert [row["path"] for row in rows] == [str(photos[0]), str(photos[2])]
    assert all(row["caption"] and row["logprob"] < 0 for row in rows)
    assert done.stderr.splitlines() == [f"retrieve: {photos[1]}: empty_file: the file has no bytes"]


def test_a_folder_stands_for_the_photos_in_it(
    tmp_path: Path, tiny_config: Path, retrieve_here: Retrieve
) -> None:
    for name in ("b.png", "a.jpg", "notes.txt", "deeper/c.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20), "teal").save(tmp_path / "photos" / name, format="PNG")
    done = retrieve_here("caption", tmp_path / "photos", "--config", tiny_config, "--json")
    paths = [row["path"] for row in json.loads(done.stdout)["captions"]]
    assert paths == [str(tmp_path / "photos" / name) for name in ("a.jpg", "b.png", "deeper/c.png")]


def test_a_folder_without_photos_is_one_line(
    tmp_path: Path, tiny_config: Path, retrieve_here: Retrieve
) -> None:
    done = retrieve_here("caption", tmp_path, "--config", tiny_config, "--states", tmp_path / "states.html")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"retrieve: error: found no photos in {tmp_path}, expected .jpg, .png or the like; name another"
    ]
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_listed_are_named(
    tmp_path: Path, tiny_config: Path, retrieve_here: Retrieve, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir()
    Image.new("RGB", (30, 20), "teal").save(tmp_path / "a.png")
    list_folder = os.scandir

    def refuse(folder: bytes) -> object:
        if folder == os.fsencode(tmp_path / "locked"):
            raise PermissionError(13, "Permission denied")
        return list_folder(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    said = f"retrieve: {tmp_path / 'locked'}: unreadable_folder: Permission denied"
    done = retrieve_here("caption", tmp_path, "--config", tiny_config)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert done.stderr.splitlines() == [said]
    done = retrieve_here("caption", tmp_path / "locked", "--config", tiny_config)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, said)


@pytest.mark.parametrize(
    "command",
    [
        "index",
        "caption",
        "bench index",
        "eval --out out",
        "calibrate --out out",
        "ablate --config none.toml --out out",
        "train captioner",
        "info --index",
        "eval data --out out --index",
        "calibrate data --out out --index",
        "bench search --index",
        "bench growth --index",
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    command: str, tmp_path: Path, retrieve_here: Retrieve
) -> None:
    done = retrieve_here(*command.split(), "", cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "found an empty path" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_sentence_is_the_one_that_an_index_keeps(
    samples: Path, tmp_path: Path, retrieve_here: Retrieve
) -> None:
    photos = [samples / "china.jpg", samples / "moon.png"]
    (tmp_path / "none.toml").write_text('image_head = "none"\n')

    def caption(*options: str | Path) -> dict[str, str]:
        document = json.loads(retrieve_here("caption", *photos, "--json", *options).stdout)
        return {row["path"]: row["caption"] for row in document["captions"]}

    index = tmp_path / "index"
    assert retrieve_here("index", *photos, "--index", index).returncode == 0
    rows = [row for _, row in iterate_live_rows(index, read_manifest(index))]
    kept = {os.fsdecode(row.paths[0]): row.captions[0].text for row in rows}
    assert caption() == kept
    first_beams = caption("--config", tmp_path / "none.toml")
    assert kept.keys() == first_beams.keys()
    assert kept != first_beams


def test_a_photo_as_large_as_the_config_allows_is_captioned_and_drawn(
    tmp_path: Path, tiny_config: Path, retrieve_here: Retrieve
) -> None:
    """51 megapixels, one more than the config allows unless told otherwise."""
    Image.new("1", (5100, 10_000)).save(tmp_path / "large.png")
    config, words, states = (tmp_path / name for name in ("index.toml", "words.png", "states.html"))

    def caption(megapixels: int) -> subprocess.CompletedProcess[str]:
        config.write_text(f"max_megapixels = {megapixels}\n{tiny_config.read_text()}")
        drawn = ("--attention", words, "--states", states)
        return retrieve_here("caption", tmp_path / "large.png", "--config", config, *drawn)

    refused = caption(50)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "51.0 megapixels, at most 50 are decoded; raise max_megapixels" in refused.stderr
    done = caption(51)
    assert (done.returncode, done.stderr) == (0, "")
    assert words.exists()
    assert states.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing.jpg"], 1, "none of the 1 photos could be read"),
        (["--captioner", "none.safetensors", "p.jpg"], 1, "no captioner checkpoint at none.safetensors"),
        (["--beam", "-1", "p.jpg"], 2, "--beam"),
        (["--device", "abacus", "p.jpg"], 2, "Invalid value for '--device'"),
        (["--set", "p.jpg", "our dog", "--attention", "a.png"], 2, "found --attention with --set or --unset"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    arguments: list[str], code: int, message: str, retrieve_here: Retrieve
) -> None:
    done = retrieve_here("caption", *arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_drawing_that_cannot_be_written_is_one_line(
    samples: Path, tmp_path: Path, retrieve_here: Retrieve
) -> None:
    drawing = tmp_path / "no" / "folder.png"
    done = retrieve_here("caption", samples / "chelsea.png", "--attention", drawing)
    assert done.returncode == 2
    assert "cannot write the picture" in done.stderr.splitlines()[-1]
