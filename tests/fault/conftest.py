"""What the fault tests share: stub models, a folder of painted photos, and what an index says of them.

RETRIEVE_FAULT=full (`make fault`) runs every proof to its full length; else each runs in part.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.build import build_index
from indexer.config import IndexConfig
from indexer.models import Models
from indexer.updating.report import IndexReport
from retrieval.generations.inventory import FOLDERS, list_files
from retrieval.generations.verify import verify_index
from retrieval.search.engine import SearchEngine
from retrieval.store.manifest import list_generations, manifest_path, read_generation, read_manifest
from retrieval.store.schema import Status
from retrieval.store.shards import read_captioner, split_positions
from tests.live_rows import iterate_live_rows

HERE = Path(__file__).parent
FULL = os.environ.get("RETRIEVE_FAULT") == "full"

Colour = tuple[int, int, int]


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the proofs run to their full length."""
    return FULL


@pytest.fixture(scope="session")
def run_index_script() -> Path:
    return HERE / "run_index.py"


@pytest.fixture(scope="session")
def stubs() -> ModuleType:
    """`stub_models`, which the scripts import as well."""
    spec = importlib.util.spec_from_file_location("stub_models", HERE / "stub_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stub_models"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("found no strace")
    return found


class Library:
    """A folder of photos of one colour each, and its index made with the stub models."""

    def __init__(self, folder: Path, stubs: ModuleType) -> None:
        self.photos = folder / "photos"
        self.index = folder / "index"
        self.photos.mkdir(parents=True, exist_ok=True)
        self.captioner = stubs.ColourCaptioner()
        self.text_encoder = stubs.HashEncoder()
        self._stubs = stubs

    def paint(self, name: str, colour: Colour) -> Path:
        path = self.photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 15), colour).save(path, format="PNG")
        return path

    def build(self, **config: Any) -> IndexReport:
        settings = IndexConfig.model_validate({"batch_photos": 1, **config})
        return build_index([self.photos], self.index, Models(self.captioner, self.text_encoder), settings)

    def caption_of(self, colour: Colour) -> str:
        return str(self._stubs.describe(colour).text)

    def captions(self) -> dict[str, str]:
        """Every indexed path under the folder with its photo's caption."""
        manifest = read_manifest(self.index)
        return {
            os.path.relpath(os.fsdecode(path), self.photos): row.captions[0].text
            for _, row in iterate_live_rows(self.index, manifest)
            if row.status is Status.INDEXED
            for path in row.paths
        }

    def expected(self, colours: Mapping[str, Colour]) -> dict[str, str]:
        return {name: self.caption_of(colour) for name, colour in colours.items()}

    def answers(self) -> list[tuple[str, float]]:
        """What a few queries find, with scores, in order."""
        engine = SearchEngine.open(self.index, self.text_encoder, "cpu")
        queries = [self.caption_of((0, 50, 100)), "a dog", "something else"]
        return [(hit.image_id, hit.score) for hits in engine.search_many(queries, k=5) for hit in hits]

    def check(self) -> None:
        """Nothing is damaged, nothing is left over, and every photo is found by its own caption first."""
        assert verify_index(self.index).damaged == ()
        self._check_captioners()
        kept = list_generations(self.index)
        assert len(kept) <= 2
        needed = {manifest_path(self.index, generation) for generation in kept}
        for generation in kept:
            needed |= {file.path for file in list_files(self.index, read_generation(self.index, generation))}
        there = {path for name in FOLDERS for path in (self.index / name).glob("*")}
        assert there == needed
        assert {path.name for path in self.index.iterdir() if path.is_file()} <= {"CURRENT", "LOCK", "SEEN"}
        engine = SearchEngine.open(self.index, self.text_encoder, "cpu")
        captions = self.captions()
        assert engine.photos == read_manifest(self.index).photos == len(set(captions.values()))
        for text in set(captions.values()):
            [hit] = engine.search(text, k=1, channel="caption")
            assert hit.caption == text
            assert hit.score == pytest.approx(1.0, abs=1e-5)

    def _check_captioners(self) -> None:
        """The shards of what readers see say that the index's captioner captioned it."""
        manifest = read_manifest(self.index)
        rows = iterate_live_rows(self.index, manifest)
        live_N = np.array([position for position, row in rows if row.status is Status.INDEXED], np.int64)
        for shard, *_ in split_positions(manifest.shards, live_N):
            assert read_captioner(self.index, shard) == manifest.captioner


@pytest.fixture(scope="session")
def open_library(stubs: ModuleType) -> Callable[[Path], Library]:
    return lambda folder: Library(folder, stubs)


@pytest.fixture
def library(tmp_path: Path, open_library: Callable[[Path], Library]) -> Library:
    return open_library(tmp_path)
