"""A captioner small enough to reason about (real, deterministic, exact), and photos painted for a test."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.captioner.captioner import Caption
from retrieval.captioned_dataset import CaptionedDataset, read_captioned_dataset

Colour = tuple[int, int, int]


class ColourCaptioner:
    """Says each photo's mean colour in words, such as "red 200 green 10 blue 0"."""

    image_size = 16

    def __init__(self, name: str = "colours") -> None:
        self.name = name
        self.weights_sha256 = hashlib.sha256(name.encode()).hexdigest()
        self.batches: list[int] = []

    def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
        assert pixels_BHWC.dtype == np.uint8
        assert pixels_BHWC.shape[1:] == (16, 16, 3)
        self.batches.append(len(pixels_BHWC))
        return [self._describe(pixels_HWC) for pixels_HWC in pixels_BHWC]

    @property
    def captioned(self) -> int:
        return sum(self.batches)

    def _describe(self, pixels_HWC: np.ndarray) -> Caption:
        red, green, blue = (str(round(mean)) for mean in pixels_HWC.mean(axis=(0, 1)))
        words = ("red", red, "green", green, "blue", blue)
        attention_TRC = np.zeros((len(words), 2, 2), dtype=np.float32)
        attention_TRC[:] = [[0.5, 0.3], [0.2, 0.0]]
        return Caption(words, -1.5, attention_TRC)


@pytest.fixture
def captioner() -> ColourCaptioner:
    return ColourCaptioner()


@pytest.fixture
def other_captioner() -> ColourCaptioner:
    return ColourCaptioner("other colours")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    return made


@pytest.fixture
def paint(folder: Path) -> Callable[[str, Colour], Path]:
    """Writes a PNG of one colour into `folder`."""

    def write(name: str, colour: Colour) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), colour).save(path, format="PNG")
        return path

    return write


SENTENCES = {
    "astronaut": "a smiling woman in an orange suit",
    "chelsea": "a cat looks into the camera",
    "coffee": "a cup of coffee on a wooden table",
    "rocket": "a rocket stands on its launch pad",
}


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> CaptionedDataset:
    """Four of the sample photos with a caption each, the same ones as training and as validation split."""
    skimage_data = pytest.importorskip("skimage.data", reason="scikit-image brings the photos")
    folder = tmp_path_factory.mktemp("captioned")
    (folder / "images").mkdir()
    lines = []
    for name, sentence in SENTENCES.items():
        for split in ("train", "val"):
            Image.fromarray(getattr(skimage_data, name)()).save(folder / "images" / f"{name}-{split}.png")
            row = {"image": f"{name}-{split}.png", "captions": [sentence], "split": split}
            lines.append(json.dumps(row))
    (folder / "captions.jsonl").write_text("\n".join(lines))
    return read_captioned_dataset(folder)
