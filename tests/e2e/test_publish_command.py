"""`retrieve publish` and `retrieve search --milvus` as a person runs them, with a Milvus Lite in a file."""

import json
import subprocess
import sys

import pytest

from retrieval.text.text_encoder import load_text_encoder

PHOTOS = {
    b"/photos/log.jpg": "a brown dog is jumping over a log in the forest",
    b"/photos/sofa.jpg": "a cat sleeping on a sofa",
    b"/photos/beach.jpg": "two children build a castle on the beach",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory, make_index):
    index = tmp_path_factory.mktemp("publish") / "index"
    make_index(index, PHOTOS, load_text_encoder())
    return index


def test_what_is_published_is_searched_there(index, lite, retrieve_here):
    done = retrieve_here("publish", "--to", lite, "--index", index)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"3 photos of generation 1 are published as 'retrieve' at {lite}\n"
    search = ("search", "a dog in the woods", "--index", index, "--json")
    here, there = retrieve_here(*search), retrieve_here(*search, "--milvus", lite)
    assert (there.returncode, there.stderr) == (0, "")
    first, expected = json.loads(there.stdout)["hits"][0], json.loads(here.stdout)["hits"][0]
    assert first["path"] == expected["path"] == "/photos/log.jpg"
    # Words are published from the captions, which this index itself has no file of.
    assert (list(first["channels"]), list(expected["channels"])) == (["caption", "lexical"], ["caption"])
    by_variable = retrieve_here(*search, RETRIEVE_MILVUS=lite)
    assert json.loads(by_variable.stdout)["hits"] == json.loads(there.stdout)["hits"]


def test_in_processes_of_their_own_nothing_but_results_is_printed(index, lite):
    def retrieve(*arguments):
        command = [sys.executable, "-m", "retrieval.command", *map(str, arguments), "--index", str(index)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    done = retrieve("publish", "--to", lite, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"uri": lite, "name": "retrieve", "generation": 1, "photos": 3}
    done = retrieve("search", "a cat", "-k", "1", "--format", "paths", "--milvus", lite)
    assert (done.returncode, done.stdout, done.stderr) == (0, "/photos/sofa.jpg\n", "")


@pytest.mark.parametrize(
    ("uri", "code", "said"),
    [
        ("milvus.example:19530", 2, "found 'milvus.example:19530', expected a Milvus"),
        ("http://127.0.0.1:1", 1, "found no answer from Milvus at http://127.0.0.1:1 "),
        ("missing/photos.db", 1, "found no answer from Milvus at missing/photos.db "),
    ],
)
def test_a_milvus_that_cannot_be_had_is_one_line(index, lite, retrieve_here, uri, code, said):
    done = retrieve_here("publish", "--to", uri, "--index", index)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert done.stderr.startswith(f"retrieve: error: {said}")


def test_a_search_before_anything_is_published_is_one_line(index, lite, retrieve_here):
    done = retrieve_here("search", "a cat", "--index", index, "--milvus", lite)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"retrieve: error: found no file {lite}, expected a published index; "
        f"run `retrieve publish --to {lite}`\n"
    )
