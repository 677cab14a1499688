"""The three cells trained on the same photos, and what their gradients did, as numbers and as a picture."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import Cell
from indexer.captioner.training.diagnosis import CellDiagnosis, diagnose_cells
from indexer.captioner.training.diagnosis_drawing import draw_diagnosis
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.progress import no_progress

PASSES, STEPS = 3, 2
CONFIG = CaptionerConfig.model_validate(
    {
        "image_encoder": "efficientnet-lite0",
        "views": 1,
        "min_count": 1,
        "precision": "float32",
        "decoder": {"features": 16, "hidden": 12, "attention": 8, "embedding": 8, "dropout": 0},
        "training": {"cycles": [PASSES], "batch": 2, "learning_rate": 0.01, "average_decay": 0.5},
    }
)


@pytest.fixture(scope="module")
def out(dataset: CaptionedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diagnosis")
    picture = diagnose_cells(dataset, CONFIG, folder / "out", folder / "cache", no_progress)
    assert picture == folder / "out" / "diagnosis.png"
    return folder / "out"


def test_each_cell_is_measured_before_and_after_the_same_training(
    out: Path, dataset: CaptionedDataset
) -> None:
    cells = json.loads((out / "diagnosis.json").read_text())["cells"]
    assert list(cells) == list(Cell)
    words = sorted((len(photo.tokens[0]) for photo in dataset.split("val")), reverse=True)
    for cell in cells.values():
        for norms in (cell["before"], cell["after"]):
            assert [len(each) for each in norms] == [2 + count for count in words]
            assert all(each[0] == 1 for each in norms)
            assert np.isfinite(norms[0]).all()
        assert cell["before"] != cell["after"]
        assert len(cell["gradient_norms"]) == PASSES * STEPS
        assert min(cell["gradient_norms"]) > 0
        assert cell["losses"][-1] < cell["losses"][0]


def test_the_trainings_differ_in_nothing_but_the_cell(out: Path) -> None:
    configs = [json.loads((out / cell / "config.json").read_text()) for cell in Cell]
    assert [config["decoder"].pop("cell") for config in configs] == list(Cell)
    assert configs[0] == configs[1] == configs[2]
    assert all((out / cell / "captioner.safetensors").is_file() for cell in Cell)


def test_a_second_run_measures_the_same_and_trains_nothing(out: Path, dataset: CaptionedDataset) -> None:
    before = (out / "diagnosis.json").read_bytes()
    trained: list[str] = []

    def listen(description: str, _done: int, _total: int) -> None:
        trained.append(description)

    diagnose_cells(dataset, CONFIG, out, out.parent / "cache", listen)
    assert trained == []
    assert (out / "diagnosis.json").read_bytes() == before


def test_the_picture_has_a_line_for_each_cell(tmp_path: Path) -> None:
    cells = {
        cell: CellDiagnosis(
            before=[[1.0, 0.5**number, 0.25**number]],
            after=[[1.0, 2.0**number, 4.0**number]],
            gradient_norms=[1.0 + number] * 20,
            losses=[3.0],
        )
        for number, cell in enumerate(Cell)
    }
    with Image.open(draw_diagnosis(cells, 1.0, tmp_path / "d.png")) as opened:
        drawn_HWC = np.asarray(opened.convert("RGB")).astype(int)
    thirds = (drawn_HWC[:, : drawn_HWC.shape[1] // 3], drawn_HWC[:, 2 * drawn_HWC.shape[1] // 3 :])
    for colour in ((196, 98, 45), (31, 111, 159), (61, 138, 78)):
        for part in thirds:
            assert (np.abs(part - colour).max(axis=2) < 12).sum() > 50
