"""What a search prints for programs and for terminals, whatever is in captions and names of files."""

import csv
import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.command.main import run
from retrieval.command.results_formats import ResultsFormat, print_results
from retrieval.command.results_output import show_results
from retrieval.printable import make_printable
from retrieval.search.hit import ChannelHit, Hit
from retrieval.search.results import Results
from retrieval.store.schema import Provenance

HOSTILE = {
    b"/photos/plain.jpg": 'a dog, at "home"',
    b"/photos/line\nbreak \x1b[31m.jpg": "two\nlines\tand \x1b]8;;http://evil\x07a link\x9b",
    b"/photos/\xff\xfe.jpg": '=HYPERLINK("http://evil")',
    b"/photos/=1+1.jpg": " \t+1 of them",
    b"/photos/minus.jpg": "-1 dog",
    b"/photos/at.jpg": "@SUM(A1)",
}


@pytest.fixture
def results():
    hits = [
        Hit(
            rank,
            -0.5 / rank,
            f"{rank:064}",
            make_printable(os.fsdecode(path)),
            text,
            {"caption": ChannelHit(rank, 0.5, 0.1)},
        )
        for rank, (path, text) in enumerate(HOSTILE.items(), start=1)
    ]
    files = {hit.image_id: Path(os.fsdecode(path)) for hit, path in zip(hits, HOSTILE, strict=True)}
    return Results(hits, generation=7, photos=9, allowed=9, find_files=lambda image_id: [files[image_id]])


def show(results, form, capsys):
    print_results({"query": "dog"}, results, 0.5, ResultsFormat(form))
    out = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", out)
    return out


def test_json_is_one_document(results, capsys):
    document = json.loads(show(results, "json", capsys))
    assert (document["query"], document["generation"], document["seconds"]) == ("dog", 7, 0.5)
    assert [hit["caption"] for hit in document["hits"]] == list(HOSTILE.values())


@pytest.mark.parametrize("form", list(ResultsFormat))
@pytest.mark.parametrize("known", [True, False, None])
def test_that_nothing_matches_well_is_said_in_every_format(results, form, known, capsys):
    results.matches_well = known
    show_results({"query": "dog"}, results, 0.5, form)
    out, err = capsys.readouterr()
    assert err.endswith("nothing here matches well\n") == (known is False)
    if form is ResultsFormat.JSON:
        assert json.loads(out)["matches_well"] is known


def test_a_table_says_which_captions_are_by_people(results, capsys):
    results[1] = dataclasses.replace(results[1], caption="a cat", provenance=Provenance.HUMAN)
    show_results({"query": "dog"}, results, 0.5, ResultsFormat.TABLE)
    table = capsys.readouterr().out
    assert "a cat (by a person)" in table
    assert table.count("by a person") == 1


@pytest.mark.parametrize("columns", [20, 30, 60])
def test_numbers_are_never_folded(results, columns, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    results[0] = dataclasses.replace(results[0], probability=0.5)
    show_results({"query": "dog"}, results, 0.5, ResultsFormat.TABLE)
    table = capsys.readouterr().out
    for number in ("-0.500", "-0.250", "50%"):
        assert number in table


def test_what_is_listed_by_time_has_no_scores(results, capsys):
    show_results({"query": ""}, results, 0.5, ResultsFormat.TABLE)
    out, err = capsys.readouterr()
    assert out.split()[:4] == ["rank", "score", "caption", "photo"]
    assert err == "6 of 9 photos in 0.500 s\n"
    results[:] = [dataclasses.replace(hit, score=0.0, channels={}) for hit in results]
    show_results({"query": ""}, results, 0.5, ResultsFormat.TABLE)
    out, err = capsys.readouterr()
    assert out.split()[:3] == ["rank", "caption", "photo"]
    assert "0.000" not in out
    assert err == "6 of 9 photos, newest first, in 0.500 s\n"
    show_results({"query": ""}, results, 0.5, ResultsFormat.JSONL)
    assert json.loads(capsys.readouterr().out.splitlines()[0])["score"] == 0.0


def test_jsonl_is_a_hit_a_line(results, capsys):
    lines = show(results, "jsonl", capsys).splitlines()
    assert [json.loads(line)["caption"] for line in lines] == list(HOSTILE.values())
    assert json.loads(lines[0])["channels"] == {"caption": {"rank": 1, "score": 0.5, "contribution": 0.1}}


def test_paths_are_a_line_each(results, capsys):
    assert show(results, "paths", capsys).splitlines() == [
        "/photos/plain.jpg",
        r"/photos/line\nbreak \x1b[31m.jpg",
        r"/photos/\xff\xfe.jpg",
        "/photos/=1+1.jpg",
        "/photos/minus.jpg",
        "/photos/at.jpg",
    ]


def test_no_cell_of_a_spreadsheet_is_a_formula(results, capsys):
    rows = list(csv.DictReader(io.StringIO(show(results, "csv", capsys))))
    assert [row["caption"] for row in rows] == [
        'a dog, at "home"',
        r"two\nlines\tand \x1b]8;;http://evil\x07a link\x9b",
        '\'=HYPERLINK("http://evil")',
        r" \t+1 of them",
        "'-1 dog",
        "'@SUM(A1)",
    ]
    assert [float(row["score"]) for row in rows] == [hit.score for hit in results]
    assert list(rows[0]) == ["rank", "score", "probability", "image_id", "path", "caption", "provenance"]
    assert (rows[0]["probability"], rows[0]["provenance"]) == ("", "model")


@pytest.mark.parametrize("form", ["jsonl", "paths"])
def test_nothing_found_prints_nothing(capsys, form):
    nothing = Results(generation=1, photos=0, allowed=0, find_files=lambda _: [])
    assert show(nothing, form, capsys) == ""


TERMINAL = """
import os, pty, sys
from retrieval.command.main import run
sys.exit(os.waitstatus_to_exitcode(pty.spawn([sys.executable, "-m", "retrieval.command", *sys.argv[1:]])))
"""


@pytest.fixture
def index(tmp_path, make_index, word_encoder):
    make_index(tmp_path / "index", {b"/photos/a dog's\xff.jpg": "a dog"}, word_encoder)
    return tmp_path / "index"


def test_a_terminal_lets_one_click_the_path_and_a_pipe_has_none_of_it(index, capsys):
    arguments = ["search", "--where", "path:dog", "", "--index", str(index)]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
    shown = subprocess.run(
        [sys.executable, "-c", TERMINAL, *arguments], capture_output=True, env=environment, check=True
    )
    assert re.search(rb"\x1b\]8;[^;]*;file:///photos/a%20dog%27s%FF\.jpg\x1b\\", shown.stdout)
    assert rb"/photos/a dog's\xff.jpg" in shown.stdout
    assert run(arguments) == 0
    piped = capsys.readouterr().out
    assert "\x1b" not in piped
    assert r"/photos/a dog's\xff.jpg" in piped


def test_open_writes_a_page_and_shows_it(index, tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho "$1" > {tmp_path}/address\ncp {tmp_path}/out {tmp_path}/before\necho opening\n'
    )
    browser.chmod(0o755)
    arguments = ["search", "--where", "path:dog", "", "--open", "--format", "paths", "--index", str(index)]
    with (tmp_path / "out").open("w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "retrieval.command", *arguments],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"BROWSER": f"{browser} %s", "TMPDIR": str(tmp_path)},
            check=True,
        )
    # The results are there before the browser, and what it says itself is not among them.
    expected = "/photos/a dog's\\xff.jpg\n"
    assert (tmp_path / "before").read_text() == (tmp_path / "out").read_text() == expected
    page = Path((tmp_path / "address").read_text().strip().removeprefix("file://"))
    assert "a dog" in page.read_text()
    assert done.stderr == f"the photos are in {page}\nopening\n"
    assert oct(page.parent.stat().st_mode)[-3:] == "700"
