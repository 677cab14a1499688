"""Indexes a folder with the stub models and acknowledges it: python run_index.py PHOTOS INDEX SHARD_ROWS."""

import os
import sys
from pathlib import Path

import numpy as np
from stub_models import ColourCaptioner, HashEncoder

import indexer.pixels.decode
from indexer.build import build_index
from indexer.config import IndexConfig
from indexer.models import Models

# Photos are of one colour, and torch, which would squeeze them, takes most of a run to import.
indexer.pixels.decode.resize_to_square = lambda pixels_HWC, size: np.tile(pixels_HWC[:1, :1], (size, size, 1))
photos, index, shard_rows = sys.argv[1:]
config = IndexConfig(shard_rows=int(shard_rows), batch_photos=1)
report = build_index([Path(photos)], Path(index), Models(ColourCaptioner(), HashEncoder()), config)
os.write(1, f"acknowledged {report.photos} {report.generation}\n".encode())
