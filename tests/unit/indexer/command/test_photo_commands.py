"""`retrieve similar`, `caption --set` and `--unset`, and what `search` can be told, on painted photos."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.build import build_index
from indexer.config import IndexConfig
from indexer.describing.photo_vector import encode_photo
from indexer.models import Models
from retrieval.channel import Channel
from retrieval.command.main import run
from retrieval.errors import PhotoError, RetrievalError
from retrieval.store import shards
from retrieval.store.files import hash_file
from retrieval.store.manifest import read_manifest
from tests.decode_here import decode_here

COLOURS = {"red": (200, 10, 20), "rose": (210, 30, 40), "green": (11, 210, 21), "blue": (22, 12, 220)}


@pytest.fixture
def folder_of_colours(paint: Callable[[str, tuple[int, int, int]], Path]) -> Path:
    paths = [paint(f"{name}.png", colour) for name, colour in COLOURS.items()]
    return paths[0].parent


@pytest.fixture
def index(
    folder_of_colours: Path,
    tmp_path: Path,
    captioner: Any,
    word_encoder: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The commands load the models that made it, where they load any."""
    models = Models(captioner, word_encoder)
    build_index([folder_of_colours], tmp_path / "index", models, read_photos=decode_here)
    monkeypatch.setattr("retrieval.text.lazy_text_encoder.load_text_encoder", lambda *_: word_encoder)
    monkeypatch.setattr("indexer.models.load_models", lambda *_: models)
    return tmp_path / "index"


@pytest.fixture
def retrieve(index: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command on that index: (exit code, stdout, stderr)."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = run([*map(str, arguments), "--index", str(index)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def names(out: str) -> list[str]:
    return [Path(hit["path"]).stem for hit in json.loads(out)["hits"]]


def test_photos_like_one_of_the_index(
    retrieve: Callable[..., Any], folder_of_colours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No model is needed for a photo that the index knows.
    monkeypatch.delattr("indexer.models.load_models")
    monkeypatch.delattr("retrieval.text.lazy_text_encoder.load_text_encoder")
    code, out, _ = retrieve("similar", folder_of_colours / "red.png", "--json", "-k", 3)
    document = json.loads(out)
    assert code == 0
    assert list(document) == ["photo", "image_id", "hits", "generation", "seconds", "matches_well"]
    assert document["image_id"] == hash_file(folder_of_colours / "red.png")
    assert sorted(names(out)) == ["blue", "green", "rose"]


def test_photos_like_a_hit(retrieve: Callable[..., Any], folder_of_colours: Path) -> None:
    code, out, _ = retrieve("similar", hash_file(folder_of_colours / "red.png"), "--json")
    assert (code, sorted(names(out))) == (0, ["blue", "green", "rose"])
    for name, message in {
        "nowhere.jpg": "cannot read nowhere.jpg (unreadable: No such file or directory), expected a photo's",
        "0" * 64: "found no photo '000",
        "": "found an empty name, expected a photo's file or the image_id of a hit; name one",
    }.items():
        code, out, err = retrieve("similar", name)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_photos_like_one_outside_the_index(
    retrieve: Callable[..., Any], folder_of_colours: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (90, 50), COLOURS["green"]).save(tmp_path / "other.bmp")
    code, out, err = retrieve("similar", tmp_path / "other.bmp", "-k", 1, "--picture", tmp_path / "out.png")
    header, line = out.splitlines()
    assert code == 0
    assert header.split() == ["rank", "score", "caption", "photo"]
    assert line.split()[:2] == ["1", "1.000"]
    assert line.rstrip().endswith("green.png")
    assert err.startswith("1 of 4 photos in ")
    _, _, err = retrieve("similar", tmp_path / "other.bmp", "--where", "path:green.png")
    assert err.startswith("1 of 1 that pass, of 4 photos in ")
    assert Image.open(tmp_path / "out.png").width > 200
    _, out, _ = retrieve("similar", tmp_path / "other.bmp", "--json", "--where", "path:re -green")
    assert names(out) == []


def test_a_file_that_is_no_photo_is_named(retrieve: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("Dear diary")
    code, out, err = retrieve("similar", tmp_path / "bad.jpg")
    assert (code, out) == (1, "")
    assert f"error: cannot read {tmp_path / 'bad.jpg'} (not_an_image" in err
    assert "), expected a photo; name another\n" in err


def test_a_config_that_is_not_there_is_missed_even_where_it_is_not_needed(
    retrieve: Callable[..., Any], folder_of_colours: Path
) -> None:
    code, out, err = retrieve("similar", folder_of_colours / "red.png", "--config", "nosuch.toml")
    assert (code, out) == (2, "")
    assert "found no config file nosuch.toml" in err


@pytest.mark.parametrize("command", ["info", "index"])
def test_a_run_of_a_second_does_without_pandas(index: Path, folder_of_colours: Path, command: str) -> None:
    pytest.importorskip("pandas")
    arguments = ["info", "--failures"] if command == "info" else ["index", str(folder_of_colours)]
    script = f"""
import sys
from retrieval.command.main import run
run({[*arguments, "--index", str(index)]!r})
print("pyarrow" in sys.modules, "pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True False"


def test_an_address_of_ray_is_refused_even_where_nothing_is_new(
    retrieve: Callable[..., Any], folder_of_colours: Path
) -> None:
    code, out, err = retrieve("index", folder_of_colours, "--ray-address", "localhost:1")
    assert (code, out) == (2, "")
    assert "found --ray-address without --engine ray" in err


def test_a_photo_outside_is_seen_as_the_index_sees_its_own(
    index: Path, folder_of_colours: Path, word_encoder: Any
) -> None:
    data = (folder_of_colours / "red.png").read_bytes()
    channel, vector_D = encode_photo(data, read_manifest(index), IndexConfig(), "cpu")
    assert channel is Channel.CAPTION
    np.testing.assert_array_equal(vector_D, word_encoder.encode(["red 200 green 10 blue 20"])[0])
    with pytest.raises(PhotoError, match="not_an_image"):
        encode_photo(b"Dear diary", read_manifest(index), IndexConfig(), "cpu")


def test_other_models_than_the_indexs_are_refused(
    index: Path, other_captioner: Any, word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = Models(other_captioner, word_encoder)
    monkeypatch.setattr("indexer.models.load_models", lambda *_: models)
    message = r"models other colours \(\w{12}…\) .*, expected colours \(\w{12}…\), which .* name the config"
    with pytest.raises(RetrievalError, match=message):
        encode_photo(b"", read_manifest(index), IndexConfig(), "cpu")
    other_captioner.name = "colours"
    message = r"models colours \((\w{12})…\) .*, expected colours \((?!\1)\w{12}…\), .*weights or settings"
    with pytest.raises(RetrievalError, match=message):
        encode_photo(b"", read_manifest(index), IndexConfig(), "cpu")


def test_a_caption_is_set_found_and_taken_back(retrieve: Callable[..., Any], folder_of_colours: Path) -> None:
    photo = folder_of_colours / "blue.png"
    code, out, _ = retrieve("caption", "--set", photo, "grandmother's <b>barn</b>")
    assert (code, out) == (0, "grandmother's <b>barn</b> (by human, generation 2)\n")
    code, out, _ = retrieve("search", "grandmother's barn", "--json", "-k", 1)
    (hit,) = json.loads(out)["hits"]
    assert (Path(hit["path"]), hit["provenance"]) == (photo, "human")
    assert hit["matched"] == ["grandmother", "barn"]
    code, out, _ = retrieve("caption", "--unset", hash_file(photo), "--json")
    document = {"image_id": hash_file(photo), "caption": "red 22 green 12 blue 220", "provenance": "model"}
    assert (code, json.loads(out)) == (0, document | {"generation": 3})
    code, out, err = retrieve("caption", "--unset", photo)
    assert (code, out) == (2, "")
    assert "found no person's caption of the photo" in err


def test_to_say_what_the_caption_is_now_the_shard_of_the_edit_is_read_alone(
    retrieve: Callable[..., Any], index: Path, folder_of_colours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[Any, ...]] = []
    real = shards.read_shard

    def note(*asked: Any) -> Any:
        read.append((read_manifest(index).generation, *asked[1:]))
        return real(*asked)

    monkeypatch.setattr(shards, "read_shard", note)
    assert retrieve("caption", "--set", folder_of_colours / "blue.png", "our barn")[0] == 0
    written = read_manifest(index)
    assert [asked for generation, *asked in read if generation == 2] == [[written.shards[-1], None]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected one of three: photos to caption, --set PHOTO TEXT, or --unset PHOTO"),
        (("a.jpg", "--unset", "b.jpg"), "expected one of three"),
        (("--set", "0" * 64, "words"), "found no photo"),
        (("--set", "0" * 64, " "), "found an empty caption"),
        (
            ("--set", "nowhere.jpg", "words"),
            "cannot read nowhere.jpg (unreadable: No such file or directory)",
        ),
        (("--unset", "nowhere.jpg"), "expected a photo's file or the image_id of a hit"),
        (("--unset", ""), "found an empty name, expected a photo's file or the image_id of a hit"),
        (("--set", "", "words"), "found an empty name"),
    ],
)
def test_edits_that_make_no_sense_are_one_line(
    retrieve: Callable[..., Any], arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = retrieve("caption", *arguments)
    assert code in (1, 2)
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--set", "{}", "words"), ("--unset", "{}")])
def test_a_file_that_is_not_indexed_is_called_by_its_name(
    retrieve: Callable[..., Any], index: Path, paint: Callable[..., Path], arguments: tuple[str, ...]
) -> None:
    photo = paint("new.png", (1, 2, 3))
    code, out, err = retrieve("caption", *(argument.format(photo) for argument in arguments))
    assert (code, out) == (2, "")
    assert err == f"retrieve: error: found {photo}, which is not in {index} as it is now; index it first\n"


def test_a_search_can_say_why(retrieve: Callable[..., Any], tmp_path: Path) -> None:
    code, out, _ = retrieve("search", "green 210", "-k", 1, "--explain")
    assert code == 0
    caption, about, header, *channels = out.splitlines()
    assert caption.split() == ["1", "red", "11", "green", "210", "blue", "21"]
    assert "green.png; score " in about
    assert "; matched green, 210" in about
    assert header.split() == ["channel", "rank", "score", "adds"]
    assert [line.split()[0] for line in channels if line.strip()] == ["caption", "lexical"]
    assert max(map(len, out.splitlines())) < 300
    code, out, _ = retrieve("search", "-5", "--explain")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line[:1].isdigit()] == ["1", "2", "3", "4"]
    for word in ("channel", "score", "adds"):
        assert word not in out
    code, out, _ = retrieve("search", "green 210", "--explain", "--json", "--channel", "lexical")
    for hit in json.loads(out)["hits"]:
        assert hit["explanation"]["score"] == pytest.approx(hit["score"])
        assert list(hit["explanation"]["channels"]) == ["lexical"]
    code, out, _ = retrieve(
        "search", "green 210", "-k", 2, "--explain", "--json", "--picture", tmp_path / "why.png"
    )
    first, _ = json.loads(out)["hits"]
    assert first["explanation"]["words"][2]["word"] == "green"
    assert first["explanation"]["words"][2]["attention"] == [[1.0, 0.6], [0.4, 0.0]]
    # The photo, and lit once for each of the two words that matched; dim where the captioner did not look.
    picture = np.asarray(Image.open(tmp_path / "why.png").convert("L"))
    panels = [picture[52 + 56 :, 106 + 236 * number :][:30, :40].astype(int) for number in range(3)]
    for lit in panels[1:]:
        assert lit[2, 2] == pytest.approx(panels[0][2, 2], abs=2)
        assert lit[28, 38] < 0.6 * panels[0][28, 38]


def test_a_search_can_be_told_which_photos(retrieve: Callable[..., Any]) -> None:
    code, out, err = retrieve("search", "", "--where", "path:red", "--json")
    assert (code, names(out)) == (0, ["red"])
    code, out, err = retrieve("search", "green -210", "--json")
    assert (code, sorted(names(out))) == (0, ["blue", "red"])
    code, out, err = retrieve("search", "green", "--where", "path:none")
    assert (code, out, err.split(" in ")[0]) == (0, "", "0 of 0 that pass, of 4 photos")
    code, out, err = retrieve("search", "green", "--min-probability", "0.5")
    assert (code, out) == (2, "")
    assert "found no calibration" in err
    code, out, err = retrieve("search", "", "--where", "path:red", "--min-probability", "0.5")
    assert (code, out) == (2, "")
    code, out, err = retrieve("search", "green camra:x")
    assert (code, err.count("\n")) == (2, 1)
    assert "did you mean camera:? (at character 7: green ▸camra:x)" in err


def test_the_first_photos_are_ranked_again(
    retrieve: Callable[..., Any], folder_of_colours: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder_of_colours / "blue.png").unlink()
    code, out, _ = retrieve("search", "a red wall", "--rerank", "--explain", "--json")
    assert code == 0
    (notice,) = caplog.messages
    assert notice.startswith(f"1 of the first 4 photos ({folder_of_colours / 'blue.png'}) cannot be read")
    hits = json.loads(out)["hits"]
    (gone,) = [number for number, hit in enumerate(hits) if "blue" in hit["path"]]
    for hit in hits:
        there = "blue" not in hit["path"]
        assert ("rerank" in hit["channels"]) is there
        if there:
            added = [channel["contribution"] for channel in hit["channels"].values()]
            assert sum(added) == pytest.approx(hit["score"], abs=1e-5)
        assert hit["explanation"]["channels"] == hit["channels"]
    ranks = [hit["channels"]["rerank"]["rank"] for hit in hits if "rerank" in hit["channels"]]
    assert sorted(ranks) == [1, 2, 3]
    code, out, _ = retrieve("search", "a red wall", "--rerank", "--explain")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line.split()].count("rerank") == 3
    unseen = [line.split() for line in out.splitlines() if line.split()[:2] == ["not", "seen"]]
    assert unseen == [["not", "seen", f"{hits[gone]['explanation']['unseen']:.3f}"]]


def test_one_channel_is_not_ranked_again(
    retrieve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("indexer.describing.second_look.load_attention_captioner")
    code, out, err = retrieve("search", "red", "--rerank", "--channel", "caption")
    assert (code, out) == (2, "")
    assert err.endswith("leave out either --channel or --rerank\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-path:re"], ["blue", "rose"]),
        (["-green"], []),
        (["-5"], ["blue", "green", "red", "rose"]),
        (["-猫"], ["blue", "green", "red", "rose"]),
        (["-kitten", "-k", "2", "--where", "-path:re"], ["blue", "rose"]),
        (["--where", "-path:re", "-k2", "--", "-kitten"], ["blue", "rose"]),
        (["-path:red", "--where", "-path:blue", "--channel", "caption"], ["green", "rose"]),
    ],
)
def test_a_query_may_begin_with_a_hyphen(
    index: Path,
    arguments: list[str],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RETRIEVE_INDEX", str(index))
    assert run(["search", "--json", *arguments]) == 0
    out, err = capsys.readouterr()
    assert (sorted(names(out)), err) == (expected, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--explian", "green"], "No such option: --explian"),
        (["green", "-x"], "No such option: -x"),
        (["green", "-dog"], "unexpected extra argument(s) (-dog); put quotes around"),
        (["green", "-k", "-1"], "found k = -1"),
        (["green", "-k0"], "found k = 0"),
        (["green", "--explain", "--format", "csv"], "found --explain with the format csv"),
        (["green", "--explain", "--format", "paths"], "expected table, json or jsonl"),
        (["green", "--json", "--format", "csv"], "found --json and the format csv"),
    ],
)
def test_options_that_make_no_sense_are_one_line(
    retrieve: Callable[..., Any], arguments: list[str], message: str
) -> None:
    code, out, err = retrieve("search", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_reasons_that_are_drawn_need_no_place_among_paths(
    retrieve: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "why.png"
    code, _, err = retrieve("search", "green", "--explain", "--format", "paths", "--picture", out)
    assert (code, out.exists()) == (0, True), err
