"""`retrieve ablate` as a person types it: real photos, real models, one thing changed at a time."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eval.ablation.config import AblationConfig
from eval.ablation.experiments import read_parts
from eval.config import EvalConfig
from retrieval.config import load_config
from tests.e2e.captioned_samples import write_captioned_samples
from tests.e2e.retrieve import Retrieve

Ablate = Callable[[str], subprocess.CompletedProcess[str]]

CHANGES = """
[[change]]
name = "image alone"
what = "no captions and no words"
systems = ["image", "fused"]
fusion = { caption = 0.0, lexical = 0.0 }

[[change]]
name = "1 beam"
what = "the likeliest word at each place"
systems = ["caption"]
index = { beam_width = 1 }

[[change]]
name = "no second look"
what = "the order stays"
systems = ["reranked"]
rerank = { first = 1 }
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset") / "sample photos"
    write_captioned_samples(folder)
    return folder


@pytest.fixture
def ablate(data: Path, tmp_path: Path, retrieve_here: Retrieve) -> Ablate:
    """Runs the command with such a config, into `tmp_path`/out."""

    def run(config: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "ablation.toml"
        file.write_text(config)
        return retrieve_here("ablate", data, "--split", "test", "--config", file, "--out", tmp_path / "out")

    return run


def test_each_change_is_measured_beside_how_things_are(
    ablate: Ablate, data: Path, tmp_path: Path, retrieve_here: Retrieve
) -> None:
    done = ablate(CHANGES)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ablation.json"]
    rows: list[dict[str, Any]] = json.loads((tmp_path / "out" / "ablation.json").read_text())["experiment"]
    found = {row["name"]: row for row in rows}
    unchanged = ["caption", "image", "fused", "reranked"]
    changed = ["image, image alone", "fused, image alone", "caption, 1 beam", "reranked, no second look"]
    assert [row["name"] for row in rows] == unchanged + changed
    assert [row["base"] for row in rows] == [None] * 4 + ["image", "fused", "caption", "reranked"]
    assert {row["split"] for row in rows} == {"test"}

    # What is left of all channels when the others count nothing is the one channel.
    assert found["fused, image alone"]["recall"] == found["image"]["recall"]
    assert found["image, image alone"]["interval"] == [0, 0]
    assert found["caption, 1 beam"]["cider"] != found["caption"]["cider"]
    assert found["caption, 1 beam"]["cost"].endswith(" times the indexing")
    assert found["image, image alone"]["cost"] == found["reranked, no second look"]["cost"] == ""
    for row in rows:
        assert f"| {row['name']} | {row['what']} | " in done.stdout

    retrieve_here("eval", data, "--out", tmp_path / "report", PATH="/nowhere")
    systems = json.loads((tmp_path / "report" / "report.json").read_text())["systems"]
    for name in ("caption", "image", "fused"):
        measured = [systems[name][f"Recall@{k}"] for k in (1, 5, 10)]
        assert found[name]["recall"] == pytest.approx(measured, abs=0.051)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "change is {}: Field required"),
        (CHANGES.replace("beam_width", "beams"), "beams"),
        (CHANGES.replace("first = 1", "first = 50"), "found nothing that 'no second look' changes"),
        (CHANGES.replace("no second look", "1 beam"), "found changes of one name"),
        (
            CHANGES.replace('"image", "fused"', '"pixels"'),
            "'caption', 'image', 'lexical', 'fused' or 'reranked'",
        ),
        (CHANGES.replace('"image", "fused"', ""), "at least 1 item"),
        (
            CHANGES.replace('["caption"]', '["image"]').replace("beam_width = 1", 'image_head = "none"'),
            "expected image vectors",
        ),
    ],
)
def test_impossible_changes_are_refused_in_a_line(
    ablate: Ablate, tmp_path: Path, config: str, message: str
) -> None:
    refused = ablate(config)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_every_shipped_change_was_measured() -> None:
    config = load_config(AblationConfig, Path(__file__).parents[2] / "configs" / "ablation.toml")
    assert config.unchanged == EvalConfig()
    rows = read_parts("flickr8k")
    wanted = [f"{system}, {change.name}" for change in config.change for system in change.systems]
    assert [row.name for row in rows if row.base is not None] == wanted
    assert {row.name for row in rows if row.name.startswith("reranked") and not row.cost} == {
        "reranked",
        "reranked, no second look",
        "reranked, image score alone",
    }
    assert {row.split for row in rows} == {"val"}
