"""The `retrieve` command with the stub models, none of them fast: python run_command.py ARGUMENTS..."""

from stub_models import ColourCaptioner, HashEncoder

import indexer.models
from retrieval.command.main import main

MODELS = indexer.models.Models(ColourCaptioner(seconds=0.05), HashEncoder())
indexer.models.load_models = lambda *_: MODELS
main()
