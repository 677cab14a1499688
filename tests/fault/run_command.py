"""The `retrieve` command with the stub models, none of them fast: python run_command.py ARGUMENTS..."""

from stub_models import ColourCaptioner, HashEncoder

import indexer.captioner
import retrieval.text_encoder
from retrieval.command.main import main

indexer.captioner.load_captioner = lambda *_: ColourCaptioner(seconds=0.05)
retrieval.text_encoder.load_text_encoder = lambda *_: HashEncoder()
main()
