"""`retrieve search` and `retrieve info` as a person runs them, on an index with the real text encoder."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retrieval.command.main import run
from retrieval.generations.derived import build_derived
from retrieval.store.files import hash_bytes, hash_file
from retrieval.store.manifest import FORMAT_VERSION, ModelRecord, commit_manifest, read_manifest
from retrieval.text.text_encoder import load_text_encoder

PHOTOS = {
    b"/photos/2021/log.jpg": "a brown dog is jumping over a log in the forest",
    b"/photos/2021/sofa.jpg": "a cat sleeping on a sofa",
    b"/photos/summer/beach \xff.jpg": "two children build a castle on the beach",
    b"/photos/food.jpg": "a plate of pasta with tomatoes on a table",
    b"/photos/rocket.jpg": "a rocket takes off into the sky",
    b"/photos/road.jpg": "a man on a motorcycle rides along a road",
}


@pytest.fixture(scope="module")
def text_encoder():
    return load_text_encoder()


@pytest.fixture(scope="module")
def shared_index(tmp_path_factory, text_encoder, make_index):
    index = tmp_path_factory.mktemp("search") / "index"
    make_index(index, PHOTOS, text_encoder)
    return index


def retrieve(*arguments: str | bytes | Path):
    """Run the command in its own process."""
    return subprocess.run(
        [sys.executable, "-m", "retrieval.command", *arguments], capture_output=True, check=False, timeout=120
    )


def test_json_document_is_the_one_of_the_design(shared_index, retrieve_here):
    done = retrieve_here(
        "search", "a puppy leaps over a fallen tree", "-k", "2", "--json", "--index", shared_index
    )
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert list(document) == ["query", "hits", "generation", "seconds", "matches_well"]
    assert (document["query"], document["generation"]) == ("a puppy leaps over a fallen tree", 1)
    assert document["matches_well"] is None
    assert 0 < document["seconds"] < 60
    first, second = document["hits"]
    of_the_design = ["rank", "score", "image_id", "path", "caption", "channels"]
    more = ["probability", "matched", "duplicates", "provenance", "width", "height"]
    assert list(first) == [*of_the_design, *more]
    assert first["path"] == "/photos/2021/log.jpg"
    assert first["caption"] == "a brown dog is jumping over a log in the forest"
    score = first["score"]
    assert first["channels"] == {"caption": {"rank": 1, "score": score, "contribution": score}}
    assert (first["probability"], first["matched"], first["provenance"]) == (None, ["over"], "model")
    assert (first["rank"], second["rank"]) == (1, 2)
    assert 1 >= first["score"] > second["score"] >= -1
    assert len(first["image_id"]) == 64


def test_bytes_that_are_no_text_leave_the_document_one(shared_index):
    done = retrieve("search", b"a caf\xe9", "--explain", "--json", "--index", shared_index)
    document = json.loads(done.stdout)
    assert document["query"] == "a caf?"
    assert {hit["explanation"]["query"] for hit in document["hits"]} == {"a caf?"}


def test_table_can_be_read_and_is_never_folded_in_a_pipe(shared_index):
    done = retrieve("search", "kids at the sea", "-k", "3", "--device", "cuda", "--index", shared_index)
    assert done.returncode == 0
    header, first, *others = done.stdout.decode().splitlines()
    assert header.split() == ["rank", "score", "caption", "photo"]
    assert first.split()[0] == "1"
    assert "two children build a castle on the beach" in first
    assert r"/photos/summer/beach \xff.jpg" in first
    assert len(others) == 2
    notices = done.stderr.decode().splitlines()
    assert notices[-1].startswith("3 of 6 photos in ")
    assert [line[:16] for line in notices[:-1]] in ([], ["retrieve: notice"])


def test_query_of_any_kind_of_bytes_is_answered(shared_index, retrieve_here):
    query = b"DOG!!! \xff\xfe " + "🐕 log, ".encode() + b"very " * 1000
    done = retrieve_here("search", os.fsdecode(query), "--json", "--index", shared_index)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["hits"]) == 6


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("A DOG JUMPING OVER A LOG", "/photos/2021/log.jpg"),
        ("??? cat, on... a -- sofa!!!", "/photos/2021/sofa.jpg"),
        ("🚀", "/photos/rocket.jpg"),
    ],
)
def test_capitals_punctuation_and_emoji(shared_index, capsys, query, best):
    assert run(["search", query, "--json", "-k", "100", "--index", str(shared_index)]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert (len(hits), hits[0]["path"]) == (6, best)


@pytest.fixture(scope="module")
def index_with_words(shared_index, tmp_path_factory):
    """The same photos, that can be found by their words too."""
    index = tmp_path_factory.mktemp("words") / "index"
    shutil.copytree(shared_index, index)
    manifest = dataclasses.replace(read_manifest(index), generation=2)
    commit_manifest(index, build_derived(index, manifest))
    return index


@pytest.mark.parametrize(
    ("query", "best_by_words"),
    [
        ("A DOG", ["/photos/2021/log.jpg"]),
        ("a dog!?", ["/photos/2021/log.jpg"]),
        ("a dog, (on a log)", ["/photos/2021/log.jpg"]),
        ("a dog 🐶", ["/photos/2021/log.jpg"]),
        ("zyxgrmpf quux", []),
    ],
)
def test_odd_queries_are_answered_by_meaning_and_by_the_words_that_there_are(
    index_with_words, capsys, query, best_by_words
):
    assert run(["search", query, "--json", "--index", str(index_with_words)]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert len(hits) == len(PHOTOS)
    assert all("caption" in hit["channels"] for hit in hits)
    best = [hit["path"] for hit in hits if hit["channels"].get("lexical", {}).get("rank") == 1]
    assert best == best_by_words


def test_engine_and_command_agree_with_exact_arithmetic(shared_index, text_encoder, capsys):
    query = "somebody travels"
    scores = (text_encoder.encode([query]) @ text_encoder.encode(list(PHOTOS.values())).T)[0]
    order = sorted(zip(-scores, PHOTOS.values(), strict=True))
    assert run(["search", query, "--json", "--channel", "caption", "--index", str(shared_index)]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert [hit["caption"] for hit in hits] == [caption for _, caption in order]
    assert [hit["score"] for hit in hits] == pytest.approx([-score for score, _ in order], abs=1e-5)


def test_info_as_json(shared_index, retrieve_here):
    done = retrieve_here("info", "--json", "--index", shared_index)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    vectors = document["channels"]["caption"]
    assert (document["photos"], document["failed"], document["generation"]) == (6, 0, 1)
    assert document["text_encoder"]["name"] == "all-MiniLM-L6-v2"
    assert (vectors["kind"], vectors["vectors"], vectors["dimension"]) == ("flat", 6, 384)
    assert document["format_version"] == FORMAT_VERSION
    assert document["captioner"] == {"name": "people", "sha256": "0" * 64}
    assert document["image_head"] is None
    files = [*shared_index.glob("shards/*"), *shared_index.glob("vectors/*")]
    assert (document["shards"], document["bytes"]) == (2, sum(path.stat().st_size for path in files))


def test_info_to_read(shared_index, retrieve_here):
    done = retrieve_here("info", "--index", shared_index)
    lines = done.stdout.splitlines()
    assert "photos           6" in lines
    assert any(line.startswith("text encoder     name all-MiniLM-L6-v2; sha256 53aa") for line in lines)
    assert "channels         caption: kind flat; vectors 6; dimension 384; bytes" in done.stdout


def test_index_comes_from_the_option_then_the_environment_then_the_folder(
    shared_index, tmp_path, retrieve_here
):
    def index_of(done):
        return json.loads(done.stdout)["index"]

    (tmp_path / "index").symlink_to(shared_index)
    (tmp_path / "other").symlink_to(shared_index)
    assert index_of(retrieve_here("info", "--json", cwd=tmp_path)) == "index"
    assert index_of(retrieve_here("info", "--json", cwd=tmp_path, RETRIEVE_INDEX="other")) == "other"
    done = retrieve_here("info", "--json", "--index", shared_index, cwd=tmp_path, RETRIEVE_INDEX="none")
    assert index_of(done) == str(shared_index)


def tree(folder: Path) -> dict[str, str]:
    return {str(path): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def refuse(capsys, code: int, *arguments: str) -> str:
    """The one line that a command refuses with."""
    assert run(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("retrieve: error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["search", ""], 2, "found an empty query"),
        (["search", " \t"], 2, "found an empty query"),
        (["search", "a dog", "-k", "0"], 2, "found k = 0, expected at least 1"),
        (["search", "a dog", "-k", "-1"], 2, "found k = -1"),
        (["search", "a dog", "--channel", "image"], 2, "no channel 'image' in this index, expected one of: "),
    ],
)
def test_wrong_questions_are_refused(shared_index, capsys, arguments, code, part):
    before = tree(shared_index)
    assert part in refuse(capsys, code, *arguments, "--index", str(shared_index))
    assert tree(shared_index) == before


@pytest.mark.parametrize("command", [["search", "a dog"], ["info"]])
def test_missing_index_is_refused_and_not_made(tmp_path, capsys, command):
    line = refuse(capsys, 1, *command, "--index", str(tmp_path / "none"))
    assert "found no index in" in line
    assert "run `retrieve index PHOTOS" in line
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def index(tmp_path, shared_index):
    """A copy that a test may damage."""
    shutil.copytree(shared_index, tmp_path / "index")
    return tmp_path / "index"


def test_newer_version_is_refused(index, capsys):
    data = json.dumps({"format_version": FORMAT_VERSION + 1}).encode()
    (index / "manifests" / "00000002.json").write_bytes(data)
    (index / "CURRENT").write_text(f"2 {hash_bytes(data)}\n")
    for command in (["search", "a dog"], ["info"]):
        assert "update this program" in refuse(capsys, 1, *command, "--index", str(index))


def test_index_of_another_encoder_is_refused(index, capsys):
    manifest = read_manifest(index)
    other = ModelRecord("all-MiniLM-L6-v2", "0" * 64)
    commit_manifest(index, dataclasses.replace(manifest, generation=2, text_encoder=other))
    before = tree(index)
    line = refuse(capsys, 1, "search", "a dog", "--index", str(index))
    assert (
        "found text encoder all-MiniLM-L6-v2 (53aa51172d14…), expected all-MiniLM-L6-v2 (000000000000…)"
        in line
    )
    missing = ModelRecord("/no/such/model", "0" * 64)
    commit_manifest(index, dataclasses.replace(manifest, generation=2, text_encoder=missing))
    assert "found no text encoder" in refuse(capsys, 1, "search", "a dog", "--index", str(index))
    assert len(tree(index)) == len(before)


@pytest.mark.parametrize("part", ["shards", "vectors", "manifests"])
def test_damaged_index_is_refused(index, capsys, part):
    path = next((index / part).iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    line = refuse(capsys, 1, "search", "a dog", "--index", str(index))
    assert f"{path} is damaged" in line


def test_empty_index_has_no_hits(tmp_path, text_encoder, make_index, capsys):
    make_index(tmp_path / "index", {}, text_encoder)
    assert run(["search", "a dog", "--json", "--index", str(tmp_path / "index")]) == 0
    assert json.loads(capsys.readouterr().out)["hits"] == []
    assert run(["search", "a dog", "--index", str(tmp_path / "index")]) == 0
    out, err = capsys.readouterr()
    assert (out, err.startswith("0 of 0 photos")) == ("", True)


def test_help_comes_within_half_a_second():
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        done = retrieve("--help")
        seconds.append(time.perf_counter() - start)
        assert done.returncode == 0
        assert b"search" in done.stdout
    assert min(seconds) < 0.5
