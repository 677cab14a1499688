"""`retrieve eval` as a person types it: real photos, the real text encoder, an index given or made."""

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R, nDCG

import indexer.samples
from indexer.config import IndexConfig
from indexer.updating.index_writer import IndexWriter
from indexer.updating.unchanged import hash_models
from retrieval.store.files import hash_file
from retrieval.store.manifest import Manifest, ModelRecord, read_manifest
from retrieval.store.schema import PhotoRow, Status, StoredCaption
from retrieval.text.probes import make_probes
from retrieval.text.text_encoder import load_text_encoder
from tests.e2e.captioned_samples import write_captioned_samples
from tests.e2e.retrieve import RETRIEVE, Retrieve
from tests.people import PEOPLE

Refuse = Callable[..., str]

# What people might write is in `captioned_samples`; the index of these tests has other captions.
INDEXED = {
    "astronaut.png": "a woman in an orange space suit is smiling",
    "chelsea.png": "a cat looks into the camera",
    "coffee.png": "a cup of coffee and a spoon on a table",
    "rocket.jpg": "a rocket on a launch pad at night",
    "china.jpg": "an asian temple under a blue sky",
    "flower.jpg": "a pink flower",
    "camera.png": "a photographer with a camera on a tripod",
}

GRADES = """\
astronaut.png\tastronaut.png#0\t4\t4\t4
chelsea.png\tastronaut.png#0\t1\t1\t1
rocket.jpg\tchelsea.png#1\t1\t1\t1
chelsea.png\tchelsea.png#1\t3\t4\t4
"""

# METEOR, which takes long to start, has to be left out.
NO_JAVA = {"PATH": "/nowhere"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset") / "sample photos"
    write_captioned_samples(folder)
    (folder / "ExpertAnnotations.txt").write_text(GRADES)
    return folder


@pytest.fixture(scope="module")
def make_captioned_index(data: Path) -> Callable[[Path, dict[str, str]], None]:
    """Writes an index of the photos with the given captions."""
    encoder = load_text_encoder()

    def write(index: Path, captions: dict[str, str], dataset: Path = data) -> None:
        empty = Manifest(
            generation=0,
            captioner=PEOPLE,
            text_encoder=ModelRecord(encoder.name, encoder.weights_sha256),
            caption_dimension=encoder.dimension,
            probes=make_probes(encoder),
        )
        writer = IndexWriter(index, empty, PEOPLE, shard_rows=100)
        for (name, text), vector in zip(
            captions.items(), encoder.encode(list(captions.values())), strict=True
        ):
            path = dataset / "images" / name
            stored = (StoredCaption(text),)
            writer.add(
                PhotoRow(
                    hash_file(path),
                    (os.fsencode(path),),
                    Status.INDEXED,
                    captions=stored,
                    caption_vector=vector,
                )
            )
        writer.commit()

    return write


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, make_captioned_index: Callable[..., None]) -> Path:
    folder = tmp_path_factory.mktemp("given") / "index"
    make_captioned_index(folder, INDEXED)
    return folder


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, data: Path, index: Path
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The report of that index, made in a process of its own, and what was said."""
    out = tmp_path_factory.mktemp("measured") / "report"
    command = [RETRIEVE, "eval", data, "--out", out, "--index", index]
    environment = os.environ | NO_JAVA
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=540)
    assert done.returncode == 0, done.stderr
    return out, done


def test_a_given_index_is_measured(
    index: Path, measured: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    out, done = measured
    notice, wrote = done.stderr.splitlines()
    assert notice.startswith("retrieve: notice: METEOR is left out: METEOR needs Java")
    assert str(out / "report.html") in wrote
    assert sorted(path.name for path in out.iterdir()) == [
        "qrels.txt",
        "report.html",
        "report.json",
        "report.md",
        "run-info.json",
        "run.caption.txt",
        "run.fused.txt",
        "run.lexical.txt",
        "run.reciprocal_rank.txt",
    ]
    page = (out / "report.md").read_text()
    assert page.startswith(done.stdout)

    report = json.loads((out / "report.json").read_text())
    assert (report["dataset"], report["split"]) == ("sample photos", "test")
    assert (report["photos"], report["queries"], report["index"]["photos"]) == (6, 12, 7)
    assert report["captions"].keys() == {
        *("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr", "CIDEr-D", "CIDEr-plain")
    }
    info = json.loads((out / "run-info.json").read_text())
    assert info["command"].startswith("retrieve eval ")
    assert info["seconds"] > 0
    assert report["config"] == {
        "queries_per_batch": 64,
        "run_depth": 100,
        "bootstrap_resamples": 1000,
        "permutations": 10_000,
        "seed": 0,
        "miss_depth": 10,
        "gallery": 12,
        "strict_queries": 100,
        "ann": {"queries": 500, "least_vectors": 1000, "made_vectors": 20_000},
        "search": {
            "fusion": {"method": "weighted", "caption": 0.1, "image": 1.0, "lexical": 0.06},
        },
    }
    assert report["index"]["text_encoder"]["name"] == read_manifest(index).text_encoder.name
    caption = report["systems"]["caption"]
    # Six photos that have nothing in common, described by sense: all but sure to be found.
    assert caption["Recall@1"] > 90
    assert caption["Recall@10"] == 100
    for name, (low, high) in caption["ci95"].items():
        assert low <= caption[name] <= high

    human = report["human_judgement"]
    assert (human["pairs"], human["own_pairs"], human["queries"]) == (4, 2, 2)
    assert human["ndcg"]["caption"] == 100 > human["ndcg"]["chance"]

    qrels = list(ir_measures.read_trec_qrels(str(out / "qrels.txt")))
    run = list(ir_measures.read_trec_run(str(out / "run.caption.txt")))
    oracle = ir_measures.calc_aggregate([R @ 1, R @ 5, RR, nDCG @ 10], qrels, run)
    for metric, name in ((R @ 1, "Recall@1"), (R @ 5, "Recall@5"), (RR, "MRR"), (nDCG @ 10, "nDCG@10")):
        assert caption[name] == pytest.approx(100 * oracle[metric], abs=1e-9)


def test_two_runs_give_the_same_bytes(
    tmp_path: Path,
    data: Path,
    index: Path,
    measured: tuple[Path, subprocess.CompletedProcess[str]],
    retrieve_here: Retrieve,
) -> None:
    again = tmp_path / "again"
    done = retrieve_here("eval", data, "--out", again, "--index", index, "--json", **NO_JAVA)
    assert done.stdout == (again / "report.json").read_text(), done.stderr
    for file in ("report.json", "run.caption.txt", "qrels.txt"):
        assert (again / file).read_bytes() == (measured[0] / file).read_bytes()


class TestGate:
    @pytest.fixture
    def many(self, tmp_path: Path) -> dict[str, str]:
        """45 files that are no photos (nobody looks at their pixels), and what each would show."""
        shows = itertools.product(
            "dog cat horse bird man".split(), "beach street snow".split(), "red blue old".split()
        )
        captions = {
            f"{n}.jpg": f"a {color} {who} in the {where}" for n, (who, where, color) in enumerate(shows)
        }
        (tmp_path / "many" / "images").mkdir(parents=True)
        for name in captions:
            (tmp_path / "many" / "images" / name).write_bytes(name.encode())
        lines = [{"image": name, "captions": [text, f"{text}, outdoors"]} for name, text in captions.items()]
        (tmp_path / "many" / "captions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return captions

    def test_a_worse_index_fails_and_a_better_one_passes(
        self,
        tmp_path: Path,
        many: dict[str, str],
        make_captioned_index: Callable[..., None],
        retrieve_here: Retrieve,
    ) -> None:
        rolled = dict(zip(many, np.roll(list(many.values()), 9).tolist(), strict=True))
        make_captioned_index(tmp_path / "good", many, tmp_path / "many")
        make_captioned_index(tmp_path / "bad", rolled, tmp_path / "many")

        config = tmp_path / "eval.toml"
        config.write_text("bootstrap_resamples = 200\npermutations = 1000\n")

        def evaluate(out: str, index: str, baseline: str | None = None) -> subprocess.CompletedProcess[str]:
            options = ["--baseline", tmp_path / baseline / "report.json"] if baseline else []
            options += ["--index", tmp_path / index, "--config", config]
            return retrieve_here("eval", tmp_path / "many", "--out", tmp_path / out, *options, **NO_JAVA)

        assert evaluate("first", "good").returncode == 0
        same = evaluate("same", "good", "first")
        assert (same.returncode, "not significantly worse than" in same.stderr) == (0, True)
        worse = evaluate("worse", "bad", "first")
        assert worse.returncode == 1
        message = worse.stderr.splitlines()[-1]
        assert message.startswith("retrieve: error: significantly worse than")
        assert re.search(r"caption Recall@1 -\d+\.\d points \[-\d+\.\d, -\d+\.\d\], p = ", message)
        assert (tmp_path / "worse" / "report.html").is_file()
        better = evaluate("better", "good", "worse")
        assert (better.returncode, "; better: caption" in better.stderr) == (0, True)

    def test_a_baseline_of_other_queries(
        self, tmp_path: Path, data: Path, index: Path, many: dict[str, str], retrieve_here: Retrieve
    ) -> None:
        first = retrieve_here("eval", data, "--out", tmp_path / "old", "--index", index, **NO_JAVA)
        assert first.returncode == 0, first.stderr
        old = tmp_path / "old" / "report.json"
        done = retrieve_here(
            "eval", tmp_path / "many", "--out", tmp_path / "new", "--index", index, "--baseline", old
        )
        assert done.returncode == 2
        assert (
            "is of other queries or photos (sample photos, split test), expected those of many" in done.stderr
        )
        assert not (tmp_path / "new").exists()


def test_shuffled_captions_are_found_out(
    tmp_path: Path, data: Path, make_captioned_index: Callable[..., None], retrieve_here: Retrieve
) -> None:
    """The same captions, each with another photo: the measure sees it, whatever the engine says."""
    names = list(INDEXED)
    make_captioned_index(
        tmp_path / "index", dict(zip(names, np.roll(list(INDEXED.values()), 1).tolist(), strict=True))
    )
    arguments = ["eval", data, "--out", tmp_path / "out", "--index", tmp_path / "index", "--json"]
    done = retrieve_here(*arguments, **NO_JAVA)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["systems"]["caption"]["Recall@1"] < 10


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, tiny_config: Path) -> Path:
    path = tmp_path_factory.mktemp("config") / "eval.toml"
    path.write_text(f"bootstrap_resamples = 200\n[index]\n{tiny_config.read_text()}")
    return path


def test_without_an_index_the_indexer_makes_one_once(
    tmp_path: Path, data: Path, config: Path, retrieve_here: Retrieve
) -> None:
    out = tmp_path / "report"
    reports = []
    for _ in range(2):
        done = retrieve_here("eval", data, "--out", out, "--config", config, "--json", **NO_JAVA)
        assert done.returncode == 0, done.stderr
        reports.append(json.loads(done.stdout))
        manifest = read_manifest(out / "index")
        assert (manifest.photos, manifest.generation) == (6, 1)
    assert reports[0]["index"]["captioner"] == asdict(manifest.captioner)
    assert reports[0]["config"]["index"]["captioner"].endswith("tiny.safetensors")
    assert reports[0]["systems"] == reports[1]["systems"]


def test_the_shipped_models_find_the_sample_photos(tmp_path: Path, retrieve_here: Retrieve) -> None:
    indexer.samples.write_captioned_samples(tmp_path / "samples")
    done = retrieve_here("eval", tmp_path / "samples", "--out", tmp_path / "report", "--json", **NO_JAVA)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    captioner = read_manifest(tmp_path / "report" / "index").captioner
    assert report["index"]["captioner"] == {"name": captioner.name, "sha256": hash_models(IndexConfig())}
    assert set(report["systems"]) == {"caption", "image", "lexical", "fused", "reciprocal_rank"}
    # Chance is 21.1 percent; the photos are easy to tell apart, but unlike those that it was trained on.
    assert report["systems"]["caption"]["MRR"] > 45
    assert report["systems"]["fused"]["MRR"] > 65


class TestRefusals:
    @pytest.fixture
    def refuse(self, retrieve_here: Retrieve) -> Refuse:
        def refuse(code: int, *arguments: str | Path) -> str:
            done = retrieve_here("eval", *arguments, **NO_JAVA)
            assert done.returncode == code
            assert done.stdout == ""
            assert len(done.stderr.splitlines()) == 1
            return done.stderr

        return refuse

    def test_an_index_that_lacks_photos(
        self, refuse: Refuse, tmp_path: Path, data: Path, make_captioned_index: Callable[..., None]
    ) -> None:
        make_captioned_index(tmp_path / "index", {"rocket.jpg": "a rocket", "china.jpg": "a temple"})
        message = refuse(1, data, "--out", tmp_path / "out", "--index", tmp_path / "index")
        assert (
            "the index lacks 4 of the 6 photos of split 'test' (astronaut.png, chelsea.png, coffee.png, …)"
            in message
        )
        assert not (tmp_path / "out").exists()

    def test_a_split_that_does_not_exist(
        self, refuse: Refuse, tmp_path: Path, data: Path, index: Path
    ) -> None:
        message = refuse(1, data, "--split", "train", "--out", tmp_path / "out", "--index", index)
        assert "split 'train' is not in captions.jsonl; it has: test" in message
        assert not (tmp_path / "out").exists()

    def test_a_folder_that_is_no_dataset(self, refuse: Refuse, tmp_path: Path) -> None:
        message = refuse(1, tmp_path, "--out", tmp_path / "out")
        assert "no folder images/ in it; a captioned dataset is" in message

    def test_no_index(self, refuse: Refuse, tmp_path: Path, data: Path) -> None:
        message = refuse(1, data, "--out", tmp_path / "out", "--index", tmp_path / "none")
        assert "found no index in" in message
        assert list(tmp_path.iterdir()) == []

    def test_an_out_that_is_a_file(self, refuse: Refuse, tmp_path: Path, data: Path) -> None:
        (tmp_path / "out").touch()
        assert "found a file at" in refuse(2, data, "--out", tmp_path / "out")

    def test_an_unknown_key(self, refuse: Refuse, tmp_path: Path, data: Path) -> None:
        (tmp_path / "eval.toml").write_text("bootstrap_resample = 10\n")
        message = refuse(2, data, "--out", tmp_path / "out", "--config", tmp_path / "eval.toml")
        assert "the nearest known one is 'bootstrap_resamples'" in message

    def test_no_out(self, refuse: Refuse, data: Path) -> None:
        assert "--out" in refuse(2, data)

    def test_a_photo_that_cannot_be_read(self, refuse: Refuse, tmp_path: Path, config: Path) -> None:
        (tmp_path / "images").mkdir()
        (tmp_path / "images" / "a.jpg").write_bytes(b"no photo")
        (tmp_path / "captions.jsonl").write_text('{"image": "a.jpg", "captions": ["a dog"]}')
        message = refuse(1, tmp_path, "--out", tmp_path / "out", "--config", config)
        assert "1 of the 1 photos of split 'test' can't be read (a.jpg: not_an_image" in message


def test_the_command_is_cheap_to_import() -> None:
    """`retrieve --help` imports it."""
    assert find_spec("torch") is not None
    heavy = "{'torch', 'pyarrow', 'faiss', 'sentence_transformers', 'numpy'}"
    check = f"import sys, eval.command.eval_command; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
