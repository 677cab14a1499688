"""Indexes a folder with the stub models, prints its peak memory: python measure_memory.py PHOTOS INDEX."""

import os
import sys
from pathlib import Path

from stub_models import ColourCaptioner, HashEncoder

from indexer.build import build_index
from indexer.config import IndexConfig
from indexer.models import Models
from retrieval.peak_memory import PeakMemory

photos, index = sys.argv[1:]
memory = PeakMemory()
models = Models(ColourCaptioner(), HashEncoder())
build_index([Path(photos)], Path(index), models, IndexConfig(batch_photos=1), memory.sample)
os.write(1, f"{memory.bytes()}\n".encode())
