"""The `retrieve` command with the stub models, none of them fast: python run_command.py ARGUMENTS..."""

import numpy as np
from stub_models import ColourCaptioner, HashEncoder

import indexer.models
import indexer.pixels.decode
from retrieval.command.main import main

# Photos are of one colour, and torch, which would squeeze them, takes most of a run to import.
indexer.pixels.decode.resize_to_square = lambda pixels_HWC, size: np.tile(pixels_HWC[:1, :1], (size, size, 1))
MODELS = indexer.models.Models(ColourCaptioner(seconds=0.05), HashEncoder())
indexer.models.load_models = lambda *_: MODELS
main()
